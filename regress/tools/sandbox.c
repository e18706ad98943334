/* For the tests of the command: sandbox kill|errno CALL -- COMMAND ARGS runs it
 * under a seccomp filter that kills whoever makes the system call of that name,
 * or answers EPERM. */
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

static int
number_of(const char *name)
{
	static const struct {
		const char *name;
		int number;
	} calls[] = {
	    {"io_setup", SYS_io_setup},
	    {"io_submit", SYS_io_submit},
	    {"io_cancel", SYS_io_cancel},
	    {"io_getevents", SYS_io_getevents},
	};
	size_t i;

	for (i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
		if (strcmp(calls[i].name, name) == 0)
			return calls[i].number;
	}
	return -1;
}

int
main(int argc, char **argv)
{
	struct sock_filter code[] = {
	    BPF_STMT(
		BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
	    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 1),
	    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
	    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog filter = {4, code};
	int number = argc > 4 ? number_of(argv[2]) : -1;

	if (number < 0)
		return 125;
	code[1].k = (unsigned)number;
	if (strcmp(argv[1], "errno") == 0)
		code[2].k = SECCOMP_RET_ERRNO | EPERM;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) != 0)
		return 126;
	execvp(argv[4], argv + 4);
	perror(argv[4]);
	return 127;
}
