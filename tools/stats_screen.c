/* Counters on a terminal, refreshed in place. It is left as it was found,
 * whatever ends this but SIGKILL: signals are taken from a descriptor, none
 * interrupts what is being written. */
#include "tools/stats_show.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

/* Another page, without a cursor; and back. */
#define ENTER "\033[?1049h\033[?25l"
#define LEAVE "\033[?25h\033[?1049l"

enum { MIN_TWO_COLUMNS = 72 };

struct screen {
	struct termios before;
	sigset_t signals, old_signals;
	bool has_keys; /* standard input is this terminal, and ours to read */
	int signal_fd;
	int rows, columns, row;
	int died_of; /* a signal that ends us */
};

bool
stats_has_screen(void)
{
	const char *term = getenv("TERM");

	return isatty(STDOUT_FILENO) && term != NULL && *term != '\0' &&
	       strcmp(term, "dumb") != 0;
}

/* ---- the terminal */

static void
enter(struct screen *s)
{
	struct termios raw;

	s->has_keys = isatty(STDIN_FILENO) &&
		      tcgetpgrp(STDIN_FILENO) == getpgrp() &&
		      tcgetattr(STDIN_FILENO, &s->before) == 0;
	if (s->has_keys) {
		raw = s->before;
		raw.c_lflag &= (tcflag_t) ~(ICANON | ECHO);
		raw.c_cc[VMIN] = 1;
		raw.c_cc[VTIME] = 0;
		tcsetattr(STDIN_FILENO, TCSANOW, &raw);
	}
	fputs(ENTER, stdout);
	fflush(stdout);
}

static void
leave(struct screen *s)
{
	fputs(LEAVE, stdout);
	fflush(stdout);
	if (s->has_keys)
		tcsetattr(STDIN_FILENO, TCSANOW, &s->before);
}

static bool
take_signals(struct screen *s)
{
	static const int wanted[] = {
	    SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP, SIGWINCH};
	size_t i;

	sigemptyset(&s->signals);
	for (i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++)
		sigaddset(&s->signals, wanted[i]);
	s->signal_fd = signalfd(-1, &s->signals, SFD_CLOEXEC | SFD_NONBLOCK);
	return s->signal_fd >= 0 &&
	       sigprocmask(SIG_BLOCK, &s->signals, &s->old_signals) == 0;
}

static void
give_signals_back(struct screen *s)
{
	close(s->signal_fd);
	sigprocmask(SIG_SETMASK, &s->old_signals, NULL);
}

/* ---- drawing */

static void
begin(struct screen *s)
{
	struct winsize size;

	s->rows = 24;
	s->columns = 80;
	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_row > 0 &&
	    size.ws_col > 0) {
		s->rows = size.ws_row;
		s->columns = size.ws_col;
	}
	s->row = 0;
	fputs("\033[H", stdout);
}

static void __attribute__((format(printf, 2, 3)))
line(struct screen *s, const char *format, ...)
{
	char text[512];
	va_list ap;

	if (s->row >= s->rows)
		return;
	va_start(ap, format);
	/* NOLINTNEXTLINE(clang-analyzer-valist.*): it is, the line before */
	vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	/* No line feed after the last row: it would scroll. */
	printf("%s%.*s\033[K", s->row > 0 ? "\n" : "", s->columns - 1, text);
	s->row++;
}

static void
end(struct screen *s)
{
	fputs("\033[J", stdout);
	fflush(stdout);
}

static void
draw_bases(struct screen *s, const struct stats_look *l)
{
	const struct stats_view *v = &l->now;
	unsigned i;

	/* The counters below are more telling than the twentieth base. */
	unsigned room = s->rows > 24 ? (unsigned)s->rows - 20 : 4;

	line(s, "%5s  %9s %11s %9s %9s  %s", "base", "passes/s", "callbacks/s",
	    "polls/s", "in flight", "method");
	for (i = 0; i < v->n_bases && i < room; i++) {
		const struct stats_base *b = &v->bases[i];

		line(s, "%5s  %9.1f %11.1f %9.1f %9" PRIu64 "  %s (%s)",
		    b->name, stats_base_rate(l, b, STATS_INDEX(passes)),
		    stats_base_rate(l, b, STATS_INDEX(callbacks)),
		    stats_base_rate(l, b, STATS_INDEX(iocbs)),
		    b->counters.in_flight, b->method, b->status);
	}
	if (i < v->n_bases || v->n_hidden > 0 || v->n_freed > 0)
		line(s, "       %u more, %u without counters, %u freed",
		    v->n_bases - i, v->n_hidden, v->n_freed);
	line(s, "%s", "");
}

static void
cell(const struct stats_look *l, int c, char *out, size_t len)
{
	if (c >= l->now.n_counters)
		*out = '\0';
	else if (c == STATS_INDEX(in_flight))
		snprintf(out, len, "%-16s%12" PRIu64 "%10s", stats_names[c],
		    stats_value(&l->now.total, c), "");
	else
		snprintf(out, len, "%-16s%12" PRIu64 "%10.1f", stats_names[c],
		    stats_value(&l->now.total, c), stats_rate(l, c));
}

static void
draw_counters(struct screen *s, const struct stats_look *l)
{
	const char *heading = "                       total     per s";
	char left[64], right[64];
	int c, n = l->now.n_counters, half = (n + 1) / 2;

	if (s->columns < MIN_TWO_COLUMNS) {
		line(s, "%s", heading);
		for (c = 0; c < n; c++) {
			cell(l, c, left, sizeof(left));
			line(s, "%s", left);
		}
		return;
	}
	line(s, "%s  %s", heading, heading);
	for (c = 0; c < half; c++) {
		cell(l, c, left, sizeof(left));
		cell(l, c + half, right, sizeof(right));
		line(s, "%s  %s", left, right);
	}
}

static void
draw(struct screen *s, const struct stats_look *l, double interval)
{
	begin(s);
	line(s, "libevent-aio %s: process %d (%s), every %g s; q quits",
	    l->source->library, (int)l->source->pid, l->program, interval);
	line(s, "%s", "");
	draw_bases(s, l);
	draw_counters(s, l);
	end(s);
}

/* ---- waiting */

enum todo { REDRAW, LOOK, QUIT };

static void
be_stopped(struct screen *s)
{
	leave(s);
	raise(SIGSTOP);
	enter(s);
}

static enum todo
on_signal(struct screen *s)
{
	struct signalfd_siginfo info;

	if (read(s->signal_fd, &info, sizeof(info)) != sizeof(info))
		return REDRAW;
	switch (info.ssi_signo) {
	case SIGWINCH:
		return REDRAW;
	case SIGTSTP:
		be_stopped(s);
		return REDRAW;
	case SIGINT:
		return QUIT;
	default:
		s->died_of = (int)info.ssi_signo;
		return QUIT;
	}
}

static enum todo
on_key(struct screen *s)
{
	char key;
	ssize_t n = read(STDIN_FILENO, &key, 1);

	if (n == 0 || (n < 0 && errno != EINTR && errno != EAGAIN))
		s->has_keys = false; /* hung up */
	return n == 1 && (key == 'q' || key == 'Q' || key == 4) ? QUIT : REDRAW;
}

static int64_t
now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static enum todo
wait_until(struct screen *s, int64_t due_ms)
{
	struct pollfd p[2] = {
	    {.fd = s->signal_fd, .events = POLLIN},
	    {.fd = s->has_keys ? STDIN_FILENO : -1, .events = POLLIN},
	};
	int64_t left = due_ms - now_ms();
	int n = left > 0 ? poll(p, 2, (int)left) : 0;

	if (n == 0)
		return LOOK;
	if (n < 0)
		return errno == EINTR ? REDRAW : QUIT;
	return p[0].revents != 0 ? on_signal(s) : on_key(s);
}

/* True: it was left by the user; false: the process has ended. */
static bool
show(struct screen *s, struct stats_look *l, double interval,
    unsigned long count)
{
	struct stats_source *source =
	    (struct stats_source *)(uintptr_t)l->source;
	int64_t step = (int64_t)(interval * 1000), due = now_ms() + step;
	enum todo todo = REDRAW;

	do {
		if (todo == LOOK) {
			due = now_ms() + step;
			if (!stats_look_again(l, source))
				return false;
			if (count > 0 && --count == 0)
				return true;
		}
		draw(s, l, interval);
	} while ((todo = wait_until(s, due)) != QUIT);
	return true;
}

int
stats_screen(struct stats_look *l, double interval_seconds, unsigned long count)
{
	struct screen s = {0};
	bool left;

	if (!take_signals(&s))
		return 2;
	enter(&s);
	left = show(&s, l, interval_seconds, count);
	leave(&s);
	give_signals_back(&s);
	if (s.died_of != 0)
		raise(s.died_of);
	stats_print(l); /* what was last seen */
	if (!left)
		printf("process %d has ended\n", (int)l->source->pid);
	return 0;
}
