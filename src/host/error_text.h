/* Texts of errors, shared by woad_strerror() and its like, which only programs that call them link.
 */
#ifndef WOAD_HOST_ERROR_TEXT_H
#define WOAD_HOST_ERROR_TEXT_H

#include <stddef.h>

#include "../base/private_names.h"

/* A row of `table`, which is indexed by code and has NULL where there is none. */
#define ERROR_TEXT(table, code) error_text(table, sizeof(table) / sizeof *(table), code)

/* The text of a code: the table's, or that of a negative WOAD_E…; never NULL. */
const char *error_text(const char *const *table, size_t n, int code);

#endif
