/* libevent-aio system: the whole machine on our libraries, and back. */
#ifndef TOOLS_SYSTEM_H
#define TOOLS_SYSTEM_H

/* ARGV[0] is "system". The exit status. */
int system_main(int argc, char **argv);

#endif
