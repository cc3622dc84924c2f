/* cmocka.h with the headers that it needs in front of it. */
#ifndef WOAD_TESTS_CM_H
#define WOAD_TESTS_CM_H
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#endif
