/* See program.h. */
#include "tools/program.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

void
complain(const char *subject, const char *format, ...)
{
	va_list ap;

	fprintf(stderr, "libevent-aio: %s: ", subject);
	va_start(ap, format);
	vfprintf(stderr, format, ap);
	va_end(ap);
	fputc('\n', stderr);
}

/* Notes what is wrong; -1. */
static int __attribute__((format(printf, 4, 5))) refuse(struct program *p,
    enum program_problem problem, const char *subject, const char *format, ...)
{
	va_list ap;

	p->problem = problem;
	snprintf(p->subject, sizeof(p->subject), "%s", subject);
	va_start(ap, format);
	vsnprintf(p->why, sizeof(p->why), format, ap);
	va_end(ap);
	return -1;
}

/* What is too long is cut, and then not found. */
static void
copy_path(char out[PATH_MAX], const char *path)
{
	snprintf(out, PATH_MAX, "%s", path);
}

/* ---- finding it ---- */

static bool
is_program(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISREG(st.st_mode) &&
	       access(path, X_OK) == 0;
}

/* 1: found, into OUT. 0: no such file; -1: a file, but not to be executed. */
static int
search_path(const char *name, char out[PATH_MAX])
{
	char standard[256] = "/bin:/usr/bin", candidate[PATH_MAX];
	const char *list = getenv("PATH");
	int result = 0, len;

	if (list == NULL) {
		confstr(_CS_PATH, standard, sizeof(standard));
		list = standard;
	}
	for (;;) {
		len = (int)strcspn(list, ":");
		len = snprintf(candidate, sizeof(candidate), "%.*s%s%s", len,
		    list, len > 0 ? "/" : "", name);
		if (len > 0 && len < PATH_MAX) {
			if (is_program(candidate)) {
				copy_path(out, candidate);
				return 1;
			}
			if (access(candidate, F_OK) == 0)
				result = -1;
		}
		list += strcspn(list, ":");
		if (*list++ == '\0')
			return result;
	}
}

static int
find(struct program *p, const char *command)
{
	int found;

	if (strchr(command, '/') == NULL) {
		found = search_path(command, p->path);
		if (found == 0)
			return refuse(
			    p, PROGRAM_NOT_FOUND, command, "not found in PATH");
		if (found < 0)
			return refuse(p, PROGRAM_NOT_EXECUTABLE, command,
			    "found in PATH, but not executable");
		return 0;
	}
	if (strlen(command) >= PATH_MAX)
		return refuse(p, PROGRAM_NOT_FOUND, "COMMAND", "%s",
		    strerror(ENAMETOOLONG));
	copy_path(p->path, command);
	return 0;
}

/* ---- may it be run, with our libraries ---- */

static int
check_file(struct program *p, const char *path)
{
	static const char ignored[] =
	    "the dynamic loader ignores LD_LIBRARY_PATH and LD_PRELOAD there";
	struct stat st;

	if (stat(path, &st) != 0)
		return refuse(
		    p, PROGRAM_NOT_FOUND, path, "%s", strerror(errno));
	if (!S_ISREG(st.st_mode))
		return refuse(p, PROGRAM_NOT_EXECUTABLE, path, "%s",
		    S_ISDIR(st.st_mode) ? "is a directory"
					: "is not a regular file");
	if (access(path, X_OK) != 0)
		return refuse(
		    p, PROGRAM_NOT_EXECUTABLE, path, "is not executable");
	if (st.st_mode & (S_ISUID | S_ISGID))
		return refuse(p, PROGRAM_PRIVILEGED, path, "is set-%s: %s",
		    st.st_mode & S_ISUID ? "uid" : "gid", ignored);
	if (getxattr(path, "security.capability", NULL, 0) > 0)
		return refuse(p, PROGRAM_PRIVILEGED, path,
		    "has file capabilities: %s", ignored);
	return 0;
}

/* Another C library's loader cannot load ours. */
static int
check_loader(struct program *p, const char *path, const char *interp)
{
	struct elf_file own;
	int r = 0;

	if (elf_open(&own, "/proc/self/exe") == ELF_OK && own.interp != NULL &&
	    strcmp(basename(own.interp), basename(interp)) != 0)
		r = refuse(p, PROGRAM_OTHER_LOADER, path,
		    "is for another dynamic loader (%s, not %s)", interp,
		    own.interp);
	elf_close(&own);
	return r;
}

static int
refuse_arch(struct program *p, const char *path, const struct elf_file *elf)
{
	char its[64], ours[64];

	elf_describe(elf, its, sizeof(its));
	elf_describe_own(ours, sizeof(ours));
	return refuse(p, PROGRAM_OTHER_ARCH, path,
	    "is of another architecture (%s, not %s)", its, ours);
}

static int
check_elf(struct program *p, const char *path)
{
	struct elf_file elf;
	int r = -1;

	switch (elf_open(&elf, path)) {
	case ELF_OK:
		r = elf.interp != NULL
			? check_loader(p, path, elf.interp)
			: refuse(p, PROGRAM_STATIC, path,
			      "is static: it has its own libevent, or none");
		break;
	case ELF_UNREADABLE:
		refuse(p, PROGRAM_UNREADABLE, path, "cannot be read: %s",
		    strerror(errno));
		break;
	case ELF_OTHER_ARCH:
		refuse_arch(p, path, &elf);
		break;
	case ELF_NOT_ELF:
		refuse(p, PROGRAM_NOT_ELF, path,
		    "is neither an ELF program nor a script");
		break;
	case ELF_BROKEN:
		refuse(p, PROGRAM_BROKEN, path, "is a damaged ELF file");
		break;
	}
	elf_close(&elf);
	return r;
}

/* ---- scripts ---- */

/* The interpreter of a script: 1 and its name in OUT; 0: no script. */
static int
read_interpreter(const char *path, char out[PATH_MAX])
{
	char line[PATH_MAX], *name;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return 0; /* check_elf() says why */
	n = read(fd, line, sizeof(line) - 1);
	close(fd);
	if (n < 2 || memcmp(line, "#!", 2) != 0)
		return 0;
	line[n] = '\0';
	line[strcspn(line, "\n")] = '\0';
	name = line + 2 + strspn(line + 2, " \t");
	name[strcspn(name, " \t")] = '\0';
	copy_path(out, name);
	return 1;
}

/* The kernel goes through four interpreters that are scripts, too. */
static int
find_binary(struct program *p)
{
	char next[PATH_MAX];
	int depth;

	copy_path(p->binary, p->path);
	for (depth = 0; depth <= 4; depth++) {
		if (check_file(p, p->binary) < 0)
			return -1;
		if (!read_interpreter(p->binary, next))
			return check_elf(p, p->binary);
		p->is_script = true;
		copy_path(p->binary, next);
	}
	return refuse(p, PROGRAM_NOT_ELF, p->path, "has too many interpreters");
}

int
program_find(struct program *p, const char *command)
{
	memset(p, 0, sizeof(*p));
	if (*command == '\0')
		return refuse(p, PROGRAM_NOT_FOUND, "COMMAND", "is empty");
	return find(p, command) < 0 ? -1 : find_binary(p);
}
