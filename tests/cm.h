/* cmocka, with what it wants before it. */
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
