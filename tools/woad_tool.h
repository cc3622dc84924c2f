/* The sub-commands of `woad`, each in a file of its own.  argv[0] is the sub-command's name; they
 * return the exit status. */
#ifndef WOAD_TOOL_H
#define WOAD_TOOL_H

int tool_adv(int argc, char **argv);
int tool_air(int argc, char **argv);
int tool_bench(int argc, char **argv);
int tool_bonds(int argc, char **argv);
int tool_control(int argc, char **argv);
int tool_decode(int argc, char **argv);
int tool_watch(int argc, char **argv);
int tool_gatt(int argc, char **argv);
int tool_info(int argc, char **argv);
int tool_l2cap(int argc, char **argv);
int tool_pair(int argc, char **argv);
int tool_replay(int argc, char **argv);
int tool_run(int argc, char **argv);
int tool_scan(int argc, char **argv);
int tool_serve(int argc, char **argv);

#endif
