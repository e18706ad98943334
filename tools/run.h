/* libevent-aio run: a program on our libraries. */
#ifndef TOOLS_RUN_H
#define TOOLS_RUN_H

/* ARGV[0] is "run". Does not return when COMMAND is started; else the exit
 * status. */
int run_main(int argc, char **argv);

#endif
