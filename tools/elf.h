/* What the dynamic loader would read of an ELF file. Nothing is executed, and
 * nothing in the file is believed: every offset is checked. */
#ifndef TOOLS_ELF_H
#define TOOLS_ELF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum elf_verdict {
	ELF_OK,
	ELF_UNREADABLE, /* see errno */
	ELF_NOT_ELF,
	ELF_OTHER_ARCH, /* word size, byte order or machine are not ours */
	ELF_BROKEN,
};

struct elf_file {
	unsigned machine, word_bits; /* valid for ELF_OTHER_ARCH, too */
	bool big_endian;
	bool is_dynamic;
	char *interp;  /* PT_INTERP, or NULL */
	char *soname;  /* or NULL */
	char *rpath;   /* DT_RPATH, NULL where DT_RUNPATH replaces it */
	char *runpath; /* or NULL */
	char **needed;
	size_t needed_nr;
	bool no_default_dirs; /* DF_1_NODEFLIB */
};

/* Fills F; elf_close() is due whatever the answer. */
enum elf_verdict elf_open(struct elf_file *f, const char *path);
void elf_close(struct elf_file *f);

/* "x86-64 (64 bit)" and so on; in a buffer of the caller. */
void elf_describe(const struct elf_file *f, char *out, size_t len);
/* The same of this program. */
void elf_describe_own(char *out, size_t len);

#endif
