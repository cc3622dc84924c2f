/* The version of these headers, and of the library that a program runs with.  CMake, pkg-config and
 * the packages take it from here. */
#ifndef WOAD_VERSION_H
#define WOAD_VERSION_H

#define WOAD_VERSION_MAJOR 0
#define WOAD_VERSION_MINOR 2
#define WOAD_VERSION_PATCH 0
/* As in "0.2.0". */
#define WOAD_VERSION WOAD_VERSION_TEXT(WOAD_VERSION_MAJOR, WOAD_VERSION_MINOR, WOAD_VERSION_PATCH)
/* For comparisons, as in `#if WOAD_VERSION_NUMBER >= 0x000200`: an octet for each part. */
#define WOAD_VERSION_NUMBER \
    (WOAD_VERSION_MAJOR << 16 | WOAD_VERSION_MINOR << 8 | WOAD_VERSION_PATCH)

/* The expansion of WOAD_VERSION: not for programs. */
#define WOAD_VERSION_TEXT(major, minor, patch) WOAD_VERSION_QUOTED(major, minor, patch)
#define WOAD_VERSION_QUOTED(major, minor, patch) #major "." #minor "." #patch

#ifdef __cplusplus
extern "C" {
#endif

/* WOAD_VERSION of the library: another one than the headers' where a shared library was replaced.
 * Until 1.0 a new minor version may change functions and structs. */
const char *woad_version(void);

#ifdef __cplusplus
}
#endif

#endif
