/* Plays inputs through a fuzz target, without a fuzzer: files, or all files of
 * directories; with no argument the corpus of the program, which is named
 * fuzz_TARGET; "-" is standard input. Every input is run twice: the second must
 * not find what the first has left. */
#include "fuzz.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define INPUT_MAX (1u << 20)

static unsigned played;

static void
play(FILE *f, const char *name)
{
	uint8_t *data = malloc(INPUT_MAX);
	size_t len;

	must(data != NULL);
	len = fread(data, 1, INPUT_MAX, f);
	/* Said before, so that it is known who crashed. */
	printf("%s (%zu bytes)\n", name, len);
	fflush(stdout);
	LLVMFuzzerTestOneInput(data, len);
	LLVMFuzzerTestOneInput(data, len);
	free(data);
	++played;
}

static int
play_file(const char *name)
{
	FILE *f = fopen(name, "rb");

	if (f == NULL) {
		fprintf(stderr, "%s: %s\n", name, strerror(errno));
		return -1;
	}
	play(f, name);
	fclose(f);
	return 0;
}

static int
play_folder(const char *name)
{
	struct dirent **entries;
	int n = scandir(name, &entries, NULL, alphasort), rc = 0;

	if (n < 0) {
		fprintf(stderr, "%s: %s\n", name, strerror(errno));
		return -1;
	}
	for (int i = 0; i < n; ++i) {
		char path[4096];

		snprintf(path, sizeof(path), "%s/%s", name, entries[i]->d_name);
		if (entries[i]->d_name[0] != '.' && play_file(path) < 0)
			rc = -1;
		free(entries[i]);
	}
	free(entries);
	return rc;
}

static int
play_any(const char *name)
{
	struct stat st;

	if (strcmp(name, "-") == 0) {
		play(stdin, "standard input");
		return 0;
	}
	return stat(name, &st) == 0 && S_ISDIR(st.st_mode) ? play_folder(name)
							   : play_file(name);
}

static int
play_corpus(const char *program)
{
	const char *srcdir = getenv("srcdir");
	const char *target = strrchr(program, '/');
	char path[4096];

	target = target != NULL ? target + 1 : program;
	if (strncmp(target, "lt-", 3) == 0)
		target += 3;
	if (strncmp(target, "fuzz_", 5) == 0)
		target += 5;
	snprintf(path, sizeof(path), "%s/regress/fuzz/corpus/%s",
	    srcdir != NULL ? srcdir : ".", target);
	return play_folder(path);
}

int
main(int argc, char **argv)
{
	int rc = 0;

	if (argc < 2)
		rc = play_corpus(argv[0]);
	for (int i = 1; i < argc; ++i) {
		if (play_any(argv[i]) < 0)
			rc = -1;
	}
	printf("%u inputs\n", played);
	return rc == 0 && played > 0 ? 0 : 1;
}
