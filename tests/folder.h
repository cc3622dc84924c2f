/* Runs a test in a temporary folder: enter() makes it the working directory, leave() removes it. */
#ifndef WOAD_TESTS_FOLDER_H
#define WOAD_TESTS_FOLDER_H

#include "cm.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* mkdtemp() replaces the six X. */
#define FOLDER_NAME "/tmp/woad-test-XXXXXX"
static char folder[sizeof FOLDER_NAME], before[1000];

/* Setup of a test. */
static inline int enter(void **state)
{
    (void)state;
    strcpy(folder, FOLDER_NAME);
    return mkdtemp(folder) && getcwd(before, sizeof before) && chdir(folder) == 0 ? 0 : -1;
}

/* Teardown of a test. */
static inline int leave(void **state)
{
    char command[100];
    (void)state;
    snprintf(command, sizeof command, "rm -rf %s", folder);
    return chdir(before) == 0 && system(command) == 0 ? 0 : -1;
}

#endif
