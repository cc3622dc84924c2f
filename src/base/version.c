/* The library's version, in an object of its own: only a program that asks for it has it. */
#include <woad/version.h>

const char *woad_version(void)
{
    return WOAD_VERSION;
}
