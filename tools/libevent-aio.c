/* The command libevent-aio: finds the subcommand. */
#include <stdio.h>
#include <string.h>

#include "tools/program.h"
#include "tools/run.h"

static void
usage(FILE *out)
{
	fputs("usage: libevent-aio run [OPTIONS] [--] COMMAND ARGS\n"
	      "       libevent-aio --help | --version\n"
	      "\n"
	      "  run   run COMMAND with libevent-aio in place of libevent\n"
	      "\n"
	      "'libevent-aio run --help' lists the options of run.\n",
	    out);
}

int
main(int argc, char **argv)
{
	const char *word = argc > 1 ? argv[1] : "";

	if (strcmp(word, "run") == 0)
		return run_main(argc - 1, argv + 1);
	if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0) {
		usage(stdout);
		return 0;
	}
	if (strcmp(word, "--version") == 0) {
		puts("libevent-aio " PACKAGE_VERSION);
		return 0;
	}
	if (argc > 1)
		complain(word, "no such command");
	usage(stderr);
	return 2;
}
