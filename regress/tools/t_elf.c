/* tools/elf.c and tools/closure.c: damaged files do no harm, and the libraries
 * found are those that the dynamic loader finds. */
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "tools/closure.h"
#include "tools/elf.h"
#include "tools/ours.h"

/* This program, which has a bit of everything. */
static unsigned char *image;
static size_t image_len;

static int
read_image(void **state)
{
	FILE *f = fopen("/proc/self/exe", "r");
	long len;

	assert_non_null(f);
	assert_int_equal(fseek(f, 0, SEEK_END), 0);
	len = ftell(f);
	assert_true(len > 0);
	rewind(f);
	image_len = (size_t)len;
	image = malloc(image_len);
	assert_non_null(image);
	assert_int_equal(fread(image, 1, image_len, f), image_len);
	fclose(f);
	return 0;
}

static int
free_image(void **state)
{
	free(image);
	return 0;
}

/* A file of LEN bytes without a name, its PATH; its descriptor. */
static int
make_file(const unsigned char *bytes, size_t len, char path[64])
{
	int fd = memfd_create("elf", MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes, len), len);
	snprintf(path, 64, "/proc/self/fd/%d", fd);
	return fd;
}

/* Opens LEN bytes as a file, and reads every string that is found there. */
static enum elf_verdict
open_bytes(const unsigned char *bytes, size_t len)
{
	enum elf_verdict verdict;
	struct elf_file elf;
	char path[64], text[64];
	size_t i, sum = 0;
	int fd = make_file(bytes, len, path);

	verdict = elf_open(&elf, path);
	for (i = 0; i < elf.needed_nr; i++)
		sum += strlen(elf.needed[i]);
	sum += elf.interp != NULL ? strlen(elf.interp) : 0;
	sum += elf.soname != NULL ? strlen(elf.soname) : 0;
	sum += elf.rpath != NULL ? strlen(elf.rpath) : 0;
	sum += elf.runpath != NULL ? strlen(elf.runpath) : 0;
	assert_true(elf.needed_nr <= len && sum <= (i + 4) * len);
	elf_describe(&elf, text, sizeof(text));
	elf_close(&elf);
	if (verdict == ELF_OK) {
		struct closure c;

		assert_true(closure_read(&c, path, NULL) || c.nr > 0);
		closure_free(&c);
	}
	close(fd);
	return verdict;
}

static void
whole_file(void **state)
{
	assert_int_equal(open_bytes(image, image_len), ELF_OK);
}

static void
cut_off_anywhere(void **state)
{
	size_t len;

	assert_int_equal(open_bytes(image, 3), ELF_NOT_ELF);
	for (len = 4; len < 64; len++)
		assert_int_equal(open_bytes(image, len), ELF_BROKEN);
	for (; len < image_len; len += 1 + len / 16)
		assert_int_not_equal(open_bytes(image, len), ELF_NOT_ELF);
}

/* Bytes changed in the headers, where they do most, and anywhere. */
static void
changed_anywhere(void **state)
{
	unsigned char *copy = malloc(image_len);
	int round, i;

	assert_non_null(copy);
	srand(7);
	for (round = 0; round < 3000; round++) {
		memcpy(copy, image, image_len);
		for (i = rand() % 8; i >= 0; i--) {
			size_t span = round % 3 ? 1000 : image_len;
			size_t at = 16 + (size_t)rand() % (span - 16);

			copy[at] = (unsigned char)(round % 2 ? rand() : 0xff);
		}
		open_bytes(
		    copy, round % 5 ? image_len : (size_t)rand() % image_len);
	}
	free(copy);
}

/* --- files that are cut while they are looked at --- */

static int to_cut = -1; /* by the next search */

void *__real_memmem(const void *a, size_t a_len, const void *b, size_t b_len);
void *__wrap_memmem(const void *a, size_t a_len, const void *b, size_t b_len);

void *
__wrap_memmem(const void *a, size_t a_len, const void *b, size_t b_len)
{
	if (to_cut >= 0)
		assert_int_equal(ftruncate(to_cut, 0), 0);
	to_cut = -1;
	return __real_memmem(a, a_len, b, b_len);
}

static void
cut_after_it_was_opened(void **state)
{
	struct elf_file elf;
	char path[64], needed[64];
	int fd = make_file(image, image_len, path);

	assert_int_equal(elf_open(&elf, path), ELF_OK);
	assert_true(elf.needed_nr > 0);
	snprintf(needed, sizeof(needed), "%s", elf.needed[0]);
	assert_int_equal(ftruncate(fd, 0), 0);
	assert_string_equal(elf.needed[0], needed);
	assert_non_null(strstr(elf.interp, "/ld"));
	elf_close(&elf);
	close(fd);
}

static void
cut_while_it_is_searched(void **state)
{
	char path[64];
	int fd = make_file(image, image_len, path);

	to_cut = fd;
	ours_is(path); /* whatever it says */
	assert_int_equal(to_cut, -1);
	assert_int_equal(ours_is(path), OURS_UNKNOWN); /* it is empty */
	close(fd);
}

/* --- whose it is --- */

/* The mark is found wherever it lies, and no part of it is. */
static void
mark_anywhere(void **state)
{
	static const char mark[] = "@(#)libevent-aio 0";
	const size_t len = 200000;
	unsigned char *bytes = calloc(1, len);
	char path[64];
	size_t at;
	int fd;

	assert_non_null(bytes);
	fd = make_file(bytes, len, path);
	assert_int_equal(ours_is(path), OURS_NOT);
	for (at = 0; at<len; at += at % 4096> 4070 ? 1 : 4071 - at % 4096) {
		assert_int_equal(pwrite(fd, mark, sizeof(mark) - 1, (off_t)at),
		    sizeof(mark) - 1);
		assert_int_equal(ours_is(path), OURS_YES);
		assert_int_equal(pwrite(fd, bytes, sizeof(mark) - 1, (off_t)at),
		    sizeof(mark) - 1);
	}
	assert_int_equal(pwrite(fd, mark, 10, (off_t)len - 10), 10);
	assert_int_equal(ours_is(path), OURS_NOT);
	assert_int_equal(ours_is("/nowhere"), OURS_UNKNOWN);
	assert_int_equal(ours_is("/"), OURS_UNKNOWN);
	close(fd);
	free(bytes);
}

/* --- beside the loader --- */

static void
real(const char *path, char out[PATH_MAX])
{
	if (realpath(path, out) == NULL)
		fail_msg("%s: no such file", path);
}

/* One line of ld.so --list: "NAME => PATH (ADDRESS)" or "PATH (ADDRESS)". */
static void
compare_line(const struct closure *c, char *line)
{
	char *name = line + strspn(line, "\t "), *path = strstr(name, " => ");
	const struct closure_lib *lib;
	char a[PATH_MAX], b[PATH_MAX];
	const char *base;

	name[strcspn(name, " ")] = '\0';
	path = path != NULL ? path + 4 : name;
	path[strcspn(path, " (")] = '\0';
	base = strrchr(name, '/') != NULL ? strrchr(name, '/') + 1 : name;
	lib = closure_find(c, base);
	if (lib == NULL)
		fail_msg("%s was not found", name);
	else {
		real(path, a);
		real(lib->path, b);
		assert_string_equal(a, b);
	}
}

static void
compare_with_loader(const char *program)
{
	char command[2 * PATH_MAX], line[2 * PATH_MAX];
	struct elf_file elf;
	struct closure c;
	size_t lines = 0;
	FILE *list;

	assert_int_equal(elf_open(&elf, program), ELF_OK);
	assert_non_null(elf.interp);
	snprintf(
	    command, sizeof(command), "%s --list '%s'", elf.interp, program);
	elf_close(&elf);
	assert_true(closure_read(&c, program, getenv("LD_LIBRARY_PATH")));
	list = popen(command, "r");
	assert_non_null(list);
	while (fgets(line, sizeof(line), list) != NULL) {
		if (strstr(line, "vdso") != NULL)
			continue;
		compare_line(&c, line);
		lines++;
	}
	assert_int_equal(pclose(list), 0);
	/* The loader lists itself; it may be nobody's DT_NEEDED. */
	assert_in_range(c.nr - 1, lines - 1, lines);
	closure_free(&c);
}

static void
libraries_as_the_loader_finds_them(void **state)
{
	static const char *const programs[] = {"/bin/sh", "/usr/bin/make",
	    "/usr/bin/cc", "/usr/bin/python3", "/usr/bin/openssl",
	    "/usr/bin/memcached", "/usr/bin/tmux"};
	char self[PATH_MAX];
	size_t i;

	real("/proc/self/exe", self);
	compare_with_loader(self);
	for (i = 0; i < sizeof(programs) / sizeof(programs[0]); i++) {
		if (access(programs[i], X_OK) == 0)
			compare_with_loader(programs[i]);
	}
}

/* ---- the loader's cache */

/* "\tNAME (libc6,x86-64) => PATH" of ldconfig, of our architecture or not: the
 * first PATH of a NAME is the first that the cache gives for it. */
static void
cache_as_ldconfig_lists_it(void **state)
{
	char line[PATH_MAX], name[PATH_MAX], path[PATH_MAX],
	    last[PATH_MAX] = "";
	struct ldcache c;
	unsigned lines = 0;
	FILE *list;

	if (access("/etc/ld.so.cache", R_OK) != 0) {
		print_message("there is no cache\n");
		skip();
	}
	assert_true(ldcache_open(&c, "/etc/ld.so.cache"));
	list = popen("PATH=$PATH:/sbin:/usr/sbin ldconfig -p", "r");
	assert_non_null(list);
	while (fgets(line, sizeof(line), list) != NULL) {
		const char *arrow = strstr(line, " => ");
		size_t at = 0;

		if (arrow == NULL || sscanf(line, "%s", name) != 1 ||
		    sscanf(arrow, " => %s", path) != 1 ||
		    strcmp(name, last) == 0)
			continue;
		memcpy(last, name, sizeof(last));
		assert_string_equal(ldcache_next(&c, name, &at), path);
		lines++;
	}
	assert_int_equal(pclose(list), 0);
	assert_true(lines > 0);
	ldcache_close(&c);
}

static void
no_cache(void **state)
{
	struct ldcache c;
	size_t at = 0;

	assert_false(ldcache_open(&c, "/nowhere"));
	assert_null(ldcache_next(&c, "libc.so.6", &at));
	ldcache_close(&c);
	assert_false(ldcache_open(&c, "/proc/self/exe"));
	assert_null(ldcache_next(&c, "libc.so.6", &at));
	ldcache_close(&c);
}

static void
cache_that_is_cut(void **state)
{
	unsigned char bytes[48] = "glibc-ld.so.cache1.1";
	struct ldcache c;
	char path[64];
	size_t at = 0;
	int fd;

	bytes[20] = 200; /* entries, of which none is there */
	fd = make_file(bytes, sizeof(bytes), path);
	assert_true(ldcache_open(&c, path));
	assert_int_equal(ftruncate(fd, 0), 0);
	assert_null(ldcache_next(&c, "libc.so.6", &at));
	ldcache_close(&c);
	close(fd);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(whole_file),
	    cmocka_unit_test(cut_off_anywhere),
	    cmocka_unit_test(changed_anywhere),
	    cmocka_unit_test(cut_after_it_was_opened),
	    cmocka_unit_test(cut_while_it_is_searched),
	    cmocka_unit_test(mark_anywhere),
	    cmocka_unit_test(libraries_as_the_loader_finds_them),
	    cmocka_unit_test(cache_as_ldconfig_lists_it),
	    cmocka_unit_test(no_cache),
	    cmocka_unit_test(cache_that_is_cut),
	};

	return cmocka_run_group_tests(tests, read_image, free_image);
}
