/* The command libevent-aio: finds the subcommand. */
#include <stdio.h>
#include <string.h>

#include "tools/doctor.h"
#include "tools/program.h"
#include "tools/run.h"
#include "tools/stats.h"
#include "tools/system.h"

static const struct {
	const char *word, *arguments, *what;
	int (*run)(int argc, char **argv);
} commands[] = {
    {"run", "[OPTIONS] [--] COMMAND ARGS",
	"run COMMAND with libevent-aio in place of libevent", run_main},
    {"doctor", "[--json] [PROGRAM|PID]",
	"say whether it works here, and what a program runs on", doctor_main},
    {"stats", "[PID] [OPTIONS]", "show the counters of a running process",
	stats_main},
    {"system", "on|off|status [OPTIONS]", "switch the whole machine, and back",
	system_main},
};

#define COMMANDS (sizeof(commands) / sizeof(commands[0]))

static void
usage(FILE *out)
{
	size_t i;

	for (i = 0; i < COMMANDS; i++)
		fprintf(out, "%s libevent-aio %s %s\n",
		    i == 0 ? "usage:" : "      ", commands[i].word,
		    commands[i].arguments);
	fputs("       libevent-aio --help | --version\n\n", out);
	for (i = 0; i < COMMANDS; i++)
		fprintf(out, "  %-7s %s\n", commands[i].word, commands[i].what);
	fputs("\n'libevent-aio COMMAND --help' lists the options of each; "
	      "libevent-aio(1) explains\nthem, and libevent-aio(7) the "
	      "library.\n",
	    out);
}

static int
print_version(void)
{
	puts("libevent-aio " PACKAGE_VERSION);
	return 0;
}

int
main(int argc, char **argv)
{
	const char *word = argc > 1 ? argv[1] : "";
	char name[32];
	size_t i;

	for (i = 0; i < COMMANDS; i++) {
		if (strcmp(word, commands[i].word) != 0)
			continue;
		/* getopt says who complains. */
		snprintf(name, sizeof(name), "libevent-aio: %s", word);
		argv[1] = name;
		/* Only there: run's COMMAND has a --version of its own. */
		if (argc == 3 && strcmp(argv[2], "--version") == 0)
			return print_version();
		return commands[i].run(argc - 1, argv + 1);
	}
	if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0) {
		usage(stdout);
		return 0;
	}
	if (strcmp(word, "--version") == 0)
		return print_version();
	if (argc > 1)
		complain(word, "no such command");
	usage(stderr);
	return 2;
}
