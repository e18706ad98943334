/* See elf.h. The dynamic section is found by the program headers alone, as the
 * loader does: section headers may be stripped or lie. */
#include "tools/elf.h"

#include <elf.h>
#include <limits.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tools/bytes.h"

#define WORD_BITS (sizeof(ElfW(Addr)) * 8)

/* Of what a file may ask us to keep. Real ones have some dozens of entries, a
 * few hundred libraries at the most, and search paths of some kilobytes. */
enum { MAX_DYNAMIC = 1 << 16, MAX_NEEDED = 4096, MAX_TEXT = 1 << 20 };

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

/* What is read of a file, until elf_open() ends. */
struct image {
	int fd;
	ElfW(Ehdr) eh;
	ElfW(Phdr) * segments; /* eh.e_phnum of them */
};

static bool
read_headers(struct image *im)
{
	ElfW(Ehdr) *eh = &im->eh;

	if (bytes_read(im->fd, 0, eh, sizeof(*eh)) != sizeof(*eh) ||
	    (eh->e_type != ET_EXEC && eh->e_type != ET_DYN) ||
	    eh->e_phentsize != sizeof(*im->segments))
		return false;
	im->segments = bytes_copy(
	    im->fd, eh->e_phoff, (size_t)eh->e_phnum * sizeof(*im->segments));
	return im->segments != NULL || eh->e_phnum == 0;
}

/* File offset of an address, by the segments; UINT64_MAX if there is none. */
static uint64_t
offset_of(const struct image *im, uint64_t addr)
{
	size_t i;

	for (i = 0; i < im->eh.e_phnum; i++) {
		const ElfW(Phdr) *ph = &im->segments[i];

		if (ph->p_type == PT_LOAD && addr >= ph->p_vaddr &&
		    addr - ph->p_vaddr < ph->p_filesz)
			return addr - ph->p_vaddr + ph->p_offset;
	}
	return UINT64_MAX;
}

struct dynamic {
	ElfW(Dyn) * entries;
	size_t nr;
	uint64_t strings; /* file offset of the string table */
};

/* What the last entry of that TAG names; NULL if there is none. */
static char *
text_of(const struct image *im, const struct dynamic *d, int64_t tag)
{
	size_t i = d->nr;

	while (i > 0 && d->entries[i - 1].d_tag != tag)
		i--;
	if (i == 0)
		return NULL;
	return bytes_text(
	    im->fd, d->strings + d->entries[i - 1].d_un.d_val, MAX_TEXT);
}

static bool
read_strings(
    struct elf_file *f, const struct image *im, const struct dynamic *d)
{
	size_t i;

	f->needed = calloc(d->nr + 1, sizeof(*f->needed));
	if (f->needed == NULL)
		return false;
	for (i = 0; i < d->nr && f->needed_nr < MAX_NEEDED; i++) {
		uint64_t value = d->entries[i].d_un.d_val;
		char *name;

		if (d->entries[i].d_tag == DT_FLAGS_1)
			f->no_default_dirs = value & DF_1_NODEFLIB;
		if (d->entries[i].d_tag != DT_NEEDED)
			continue;
		name = bytes_text(im->fd, d->strings + value, PATH_MAX);
		if (name != NULL)
			f->needed[f->needed_nr++] = name;
	}
	f->soname = text_of(im, d, DT_SONAME);
	f->runpath = text_of(im, d, DT_RUNPATH);
	if (f->runpath == NULL)
		f->rpath = text_of(im, d, DT_RPATH);
	return true;
}

static bool
read_dynamic(struct elf_file *f, const struct image *im, const ElfW(Phdr) * ph)
{
	struct dynamic d = {.strings = UINT64_MAX};
	size_t max = ph->p_filesz / sizeof(*d.entries), i;
	bool ok;

	if (max > MAX_DYNAMIC)
		return false;
	d.entries = bytes_copy(im->fd, ph->p_offset, max * sizeof(*d.entries));
	if (d.entries == NULL)
		return false;
	while (d.nr < max && d.entries[d.nr].d_tag != DT_NULL)
		d.nr++;
	for (i = d.nr; i > 0 && d.strings == UINT64_MAX; i--) {
		if (d.entries[i - 1].d_tag == DT_STRTAB)
			d.strings = offset_of(im, d.entries[i - 1].d_un.d_ptr);
	}
	f->is_dynamic = true;
	ok = d.strings != UINT64_MAX && read_strings(f, im, &d);
	free(d.entries);
	return ok;
}

static enum elf_verdict
read_segments(struct elf_file *f, const struct image *im)
{
	size_t i;

	for (i = 0; i < im->eh.e_phnum; i++) {
		const ElfW(Phdr) *ph = &im->segments[i];

		if (ph->p_type == PT_INTERP && f->interp == NULL) {
			f->interp = bytes_text(im->fd, ph->p_offset, PATH_MAX);
			if (f->interp == NULL)
				return ELF_BROKEN;
		}
		if (ph->p_type == PT_DYNAMIC && !f->is_dynamic &&
		    !read_dynamic(f, im, ph))
			return ELF_BROKEN;
	}
	return ELF_OK;
}

/* The first 20 bytes mean the same in every ELF file. */
static enum elf_verdict
identify(struct elf_file *f, int fd)
{
	unsigned char d[EI_NIDENT + 4];
	size_t len = bytes_read(fd, 0, d, sizeof(d));

	if (len == 0)
		return ELF_UNREADABLE;
	if (len < SELFMAG || memcmp(d, ELFMAG, SELFMAG) != 0)
		return ELF_NOT_ELF;
	if (len < sizeof(d))
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

enum elf_verdict
elf_open(struct elf_file *f, const char *path)
{
	struct image im = {.fd = bytes_open(path)};
	enum elf_verdict verdict;

	memset(f, 0, sizeof(*f));
	if (im.fd < 0)
		return ELF_UNREADABLE;
	verdict = identify(f, im.fd);
	if (verdict == ELF_OK)
		verdict =
		    read_headers(&im) ? read_segments(f, &im) : ELF_BROKEN;
	free(im.segments);
	close(im.fd);
	return verdict;
}

void
elf_close(struct elf_file *f)
{
	size_t i;

	for (i = 0; i < f->needed_nr; i++)
		free(f->needed[i]);
	free(f->needed);
	free(f->interp);
	free(f->soname);
	free(f->rpath);
	free(f->runpath);
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
