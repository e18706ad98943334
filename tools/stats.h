/* libevent-aio stats: the counters of a running process. */
#ifndef TOOLS_STATS_H
#define TOOLS_STATS_H

/* ARGV[0] is "stats". The exit status. */
int stats_main(int argc, char **argv);

#endif
