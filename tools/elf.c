/* See elf.h. The dynamic section is found by the program headers alone, as the
 * loader does: section headers may be stripped or lie. */
#include "tools/elf.h"

#include <elf.h>
#include <fcntl.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define WORD_BITS (sizeof(ElfW(Addr)) * 8)

/* Of this program: what "ours" means. The linker defines the symbol. */
static unsigned
own_machine(void)
{
	/* NOLINTNEXTLINE(bugprone-reserved-identifier): the linker's name */
	extern const ElfW(Ehdr) __ehdr_start
	    __attribute__((visibility("hidden")));

	return __ehdr_start.e_machine;
}

static bool
own_big_endian(void)
{
	return __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__;
}

/* LEN bytes at OFFSET, or NULL. */
static const void *
at(const struct elf_file *f, uint64_t offset, uint64_t len)
{
	if (offset > f->len || len > f->len - offset)
		return NULL;
	return f->data + offset;
}

/* A string at OFFSET that ends within the file, or NULL. */
static const char *
string_at(const struct elf_file *f, uint64_t offset)
{
	const char *s = at(f, offset, 1);

	if (s == NULL || memchr(s, '\0', f->len - offset) == NULL)
		return NULL;
	return s;
}

/* A copy: nothing in a file is aligned for certain. */
static bool
header_at(
    const struct elf_file *f, size_t i, const ElfW(Ehdr) * eh, ElfW(Phdr) * out)
{
	const void *p;

	if (eh->e_phoff > f->len)
		return false;
	p = at(f, eh->e_phoff + (uint64_t)i * sizeof(*out), sizeof(*out));
	if (p == NULL)
		return false;
	memcpy(out, p, sizeof(*out));
	return true;
}

/* File offset of an address, by the segments; UINT64_MAX if there is none. */
static uint64_t
offset_of(const struct elf_file *f, const ElfW(Ehdr) * eh, uint64_t addr)
{
	ElfW(Phdr) ph;
	size_t i;

	for (i = 0; i < eh->e_phnum && header_at(f, i, eh, &ph); i++) {
		if (ph.p_type == PT_LOAD && addr >= ph.p_vaddr &&
		    addr - ph.p_vaddr < ph.p_filesz)
			return addr - ph.p_vaddr + ph.p_offset;
	}
	return UINT64_MAX;
}

struct dynamic {
	const unsigned char *entries;
	size_t nr;
	uint64_t strings; /* file offset of the string table */
};

static ElfW(Dyn) dyn_at(const struct dynamic *d, size_t i)
{
	ElfW(Dyn) dyn;

	memcpy(&dyn, d->entries + i * sizeof(dyn), sizeof(dyn));
	return dyn;
}

static const char *
dyn_string(
    const struct elf_file *f, const struct dynamic *d, const ElfW(Dyn) * dyn)
{
	if (dyn->d_un.d_val > f->len)
		return NULL;
	return string_at(f, d->strings + dyn->d_un.d_val);
}

static bool
read_strings(struct elf_file *f, const struct dynamic *d)
{
	size_t i;

	f->needed = calloc(d->nr + 1, sizeof(*f->needed));
	if (f->needed == NULL)
		return false;
	for (i = 0; i < d->nr; i++) {
		ElfW(Dyn) dyn = dyn_at(d, i);
		const char *s = dyn_string(f, d, &dyn);

		if (dyn.d_tag == DT_FLAGS_1)
			f->no_default_dirs = dyn.d_un.d_val & DF_1_NODEFLIB;
		else if (dyn.d_tag == DT_NEEDED && s != NULL)
			f->needed[f->needed_nr++] = s;
		else if (dyn.d_tag == DT_SONAME)
			f->soname = s;
		else if (dyn.d_tag == DT_RPATH)
			f->rpath = s;
		else if (dyn.d_tag == DT_RUNPATH)
			f->runpath = s;
	}
	if (f->runpath != NULL)
		f->rpath = NULL;
	return true;
}

static bool
read_dynamic(struct elf_file *f, const ElfW(Ehdr) * eh, const ElfW(Phdr) * ph)
{
	struct dynamic d = {.strings = UINT64_MAX};
	size_t max = ph->p_filesz / sizeof(ElfW(Dyn));

	d.entries = at(f, ph->p_offset, ph->p_filesz);
	if (d.entries == NULL)
		return false;
	for (; d.nr < max; d.nr++) {
		ElfW(Dyn) dyn = dyn_at(&d, d.nr);

		if (dyn.d_tag == DT_NULL)
			break;
		if (dyn.d_tag == DT_STRTAB)
			d.strings = offset_of(f, eh, dyn.d_un.d_ptr);
	}
	f->is_dynamic = true;
	return d.strings < f->len && read_strings(f, &d);
}

static enum elf_verdict
read_segments(struct elf_file *f)
{
	ElfW(Ehdr) eh;
	ElfW(Phdr) ph;
	size_t i;

	if (f->len < sizeof(eh))
		return ELF_BROKEN;
	memcpy(&eh, f->data, sizeof(eh));
	if ((eh.e_type != ET_EXEC && eh.e_type != ET_DYN) ||
	    eh.e_phentsize != sizeof(ph))
		return ELF_BROKEN;
	for (i = 0; i < eh.e_phnum; i++) {
		if (!header_at(f, i, &eh, &ph))
			return ELF_BROKEN;
		if (ph.p_type == PT_INTERP) {
			f->interp = string_at(f, ph.p_offset);
			if (f->interp == NULL)
				return ELF_BROKEN;
		}
		if (ph.p_type == PT_DYNAMIC && !f->is_dynamic &&
		    !read_dynamic(f, &eh, &ph))
			return ELF_BROKEN;
	}
	return ELF_OK;
}

/* The first 20 bytes mean the same in every ELF file. */
static enum elf_verdict
identify(struct elf_file *f)
{
	const unsigned char *d = f->data;

	if (f->len < SELFMAG || memcmp(d, ELFMAG, SELFMAG) != 0)
		return ELF_NOT_ELF;
	if (f->len < EI_NIDENT + 4)
		return ELF_BROKEN;
	f->word_bits = d[EI_CLASS] == ELFCLASS64   ? 64
		       : d[EI_CLASS] == ELFCLASS32 ? 32
						   : 0;
	f->big_endian = d[EI_DATA] == ELFDATA2MSB;
	f->machine = f->big_endian ? (unsigned)d[18] << 8 | d[19]
				   : (unsigned)d[19] << 8 | d[18];
	if (f->word_bits == 0)
		return ELF_BROKEN;
	if (f->word_bits != WORD_BITS || f->machine != own_machine() ||
	    f->big_endian != own_big_endian())
		return ELF_OTHER_ARCH;
	return ELF_OK;
}

static bool
map(struct elf_file *f, const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat st;
	void *p = MAP_FAILED;

	if (fd < 0)
		return false;
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size > 0)
		p = mmap(
		    NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	close(fd);
	if (p == MAP_FAILED)
		return false;
	f->data = p;
	f->len = (size_t)st.st_size;
	return true;
}

enum elf_verdict
elf_open(struct elf_file *f, const char *path)
{
	enum elf_verdict verdict;

	memset(f, 0, sizeof(*f));
	if (!map(f, path))
		return ELF_UNREADABLE;
	verdict = identify(f);
	return verdict == ELF_OK ? read_segments(f) : verdict;
}

void
elf_close(struct elf_file *f)
{
	if (f->data != NULL)
		munmap((void *)(uintptr_t)f->data, f->len);
	free(f->needed);
	memset(f, 0, sizeof(*f));
}

static const char *
machine_name(unsigned machine)
{
	static const struct {
		unsigned machine;
		const char *name;
	} names[] = {
	    {EM_X86_64, "x86-64"},
	    {EM_386, "i386"},
	    {EM_AARCH64, "aarch64"},
	    {EM_ARM, "arm"},
	    {EM_RISCV, "riscv"},
	    {EM_PPC64, "ppc64"},
	    {EM_PPC, "ppc"},
	    {EM_S390, "s390"},
	    {EM_MIPS, "mips"},
	    {EM_SPARCV9, "sparc64"},
	};
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (names[i].machine == machine)
			return names[i].name;
	}
	return NULL;
}

static void
describe(unsigned machine, unsigned bits, bool big, char *out, size_t len)
{
	const char *name = machine_name(machine);
	char number[24];

	if (name == NULL) {
		snprintf(number, sizeof(number), "machine %u", machine);
		name = number;
	}
	snprintf(
	    out, len, "%s, %u bit%s", name, bits, big ? ", big endian" : "");
}

void
elf_describe(const struct elf_file *f, char *out, size_t len)
{
	describe(f->machine, f->word_bits, f->big_endian, out, len);
}

void
elf_describe_own(char *out, size_t len)
{
	describe(own_machine(), WORD_BITS, own_big_endian(), out, len);
}
