/* Operations that add, take away and move data. */
#include "evbuffer_ops.h"

static void
cleanup(const void *p, size_t len, void *arg)
{
	cleaned++;
	if (exact_cleanup)
		out(" clean(%zu,%u)", len, (unsigned)(uintptr_t)arg);
	(void)p;
}

void
op_add(unsigned i)
{
	size_t n = size();

	out("add %u %zu", i, n);
	out(" = %d", evbuffer_add(w[i].buf, data(n), n));
}

void
op_prepend(unsigned i)
{
	size_t n = size();

	out("prepend %u %zu", i, n);
	out(" = %d", evbuffer_prepend(w[i].buf, data(n), n));
}

void
op_drain(unsigned i)
{
	size_t n = rnd(12) == 0 ? SIZE_MAX : size();
	int r;

	out("drain %u %zu", i, n);
	r = evbuffer_drain(w[i].buf, n);
	out(" = %d", r);
	if (r == 0 && n == SIZE_MAX && evbuffer_get_length(w[i].buf) == 0)
		w[i].special = 0;
}

void
op_remove(unsigned i)
{
	size_t n = size();
	int r;

	out("remove %u %zu", i, n);
	r = evbuffer_remove(w[i].buf, scratch, n);
	out(" = %d", r);
	if (r > 0)
		out_bytes("got", scratch, (size_t)r);
}

void
op_copyout(unsigned i)
{
	struct evbuffer_ptr p;
	size_t n = size(), at = size();
	ev_ssize_t r;

	if (evbuffer_ptr_set(w[i].buf, &p, at, EVBUFFER_PTR_SET) == 0 &&
	    rnd(2) == 0) {
		out("copyout_from %u %zu %zu", i, at, n);
		r = evbuffer_copyout_from(w[i].buf, &p, scratch, n);
	} else {
		out("copyout %u %zu", i, n);
		r = evbuffer_copyout(w[i].buf, scratch, n);
	}
	out(" = %ld", (long)r);
	if (r > 0)
		out_bytes("got", scratch, (size_t)r);
}

void
op_move(unsigned i)
{
	unsigned j = pick();
	size_t n;

	w[i].special |= w[j].special;
	switch (rnd(4)) {
	case 0:
		out("add_buffer %u %u", i, j);
		out(" = %d", evbuffer_add_buffer(w[i].buf, w[j].buf));
		break;
	case 1:
		out("prepend_buffer %u %u", i, j);
		out(" = %d", evbuffer_prepend_buffer(w[i].buf, w[j].buf));
		break;
	default:
		n = rnd(8) == 0 ? SIZE_MAX : size();
		out("remove_buffer %u %u %zu", i, j, n);
		out(" = %d", evbuffer_remove_buffer(w[j].buf, w[i].buf, n));
		break;
	}
}

void
op_buffer_reference(unsigned i)
{
	unsigned j = pick(), k = pick();
	int r;

	if (exact_cleanup || w[j].special)
		return;
	out("add_buffer_reference %u %u", i, j);
	r = evbuffer_add_buffer_reference(w[i].buf, w[j].buf);
	out(" = %d", r);
	if (r != 0 || evbuffer_get_length(w[j].buf) == 0)
		return;
	w[i].special = 1;
	out(" nested %u = %d", k,
	    evbuffer_add_buffer_reference(w[k].buf, w[i].buf));
}

void
op_reference(unsigned i)
{
	size_t n = exact_cleanup ? 1 + rnd(4000) : size();
	int r;

	out("add_reference %u %zu", i, n);
	made++;
	r = evbuffer_add_reference(
	    w[i].buf, data(n), n, cleanup, (void *)(uintptr_t)made);
	out(" = %d", r);
	if (r != 0)
		made--;
}

void
op_printf(unsigned i)
{
	size_t n = size();

	out("printf %u %zu", i, n);
	out(" = %d", evbuffer_add_printf(w[i].buf, "%d:%.*s;", (int)n,
			 (int)(n % 9000), (const char *)source));
}

void
op_iovec(unsigned i)
{
	struct evbuffer_iovec v[5];
	int k, n = (int)rnd(6);

	out("add_iovec %u", i);
	for (k = 0; k < n; k++) {
		v[k].iov_len = rnd(3) == 0 ? rnd(2000) : rnd(100);
		v[k].iov_base = (void *)(uintptr_t)data(v[k].iov_len);
		out(" %zu", v[k].iov_len);
	}
	out(" = %zu", evbuffer_add_iovec(w[i].buf, v, n));
}

void
op_expand(unsigned i)
{
	static const size_t odd[] = {0, SIZE_MAX, SIZE_MAX - 1,
	    (size_t)EV_SSIZE_MAX, (size_t)EV_SSIZE_MAX - 1};
	size_t n = rnd(6) == 0 ? odd[rnd(5)] : size();

	out("expand %u %zu", i, n);
	out(" = %d", evbuffer_expand(w[i].buf, n));
}

void
op_reserve(unsigned i)
{
	struct evbuffer_iovec v[4];
	size_t want = 1 + size(), fill = rnd((unsigned)want + 1), left = fill;
	size_t sum = 0;
	int n_vec = 1 + (int)rnd(4), n, k, used = 0;

	out("reserve %u %zu", i, want);
	n = evbuffer_reserve_space(w[i].buf, (ev_ssize_t)want, v, n_vec);
	out(" = %s", n > 0 ? "ok" : "fail");
	if (n <= 0)
		return;
	for (k = 0; k < n; k++)
		sum += v[k].iov_len;
	out(" %s %zu", sum >= want && n <= n_vec ? "enough" : "short", fill);
	for (k = 0; k < n; k++) {
		size_t part = v[k].iov_len < left ? v[k].iov_len : left;

		memcpy(v[k].iov_base, source + (fill - left), part);
		v[k].iov_len = part;
		left -= part;
		used = k + 1;
		if (left == 0)
			break;
	}
	if (rnd(10) == 0)
		return; /* reserved in vain */
	/* libevent refuses now and then what it has just given out. */
	out(" commit");
	if (evbuffer_commit_space(w[i].buf, v, used) != 0) {
		refused++;
		(void)evbuffer_add(w[i].buf, source, fill);
	}
}

void
op_commit_wrong(unsigned i)
{
	struct evbuffer_iovec v[2];

	out("commit_wrong %u", i);
	v[0].iov_base = scratch;
	v[0].iov_len = rnd(10);
	v[1] = v[0];
	out(" = %d", evbuffer_commit_space(w[i].buf, v, 1 + (int)rnd(2)));
}

void
op_pullup(unsigned i)
{
	size_t len = evbuffer_get_length(w[i].buf), n = size();
	ev_ssize_t want = rnd(4) == 0 ? -1 : (ev_ssize_t)n;
	unsigned char *p;

	out("pullup %u %ld", i, (long)want);
	p = evbuffer_pullup(w[i].buf, want);
	out(" = %s", p != NULL ? "ok" : "NULL");
	if (p != NULL)
		out_bytes("got", p, want < 0 ? len : (size_t)want);
}

void
op_peek(unsigned i)
{
	struct evbuffer_iovec *v = v_all;
	struct evbuffer_ptr p;
	size_t at = rnd(3) == 0 ? size() : 0, sum = 0, len;
	ev_ssize_t want;
	int n, k;

	if (evbuffer_ptr_set(w[i].buf, &p, at, EVBUFFER_PTR_SET) < 0)
		return;
	len = evbuffer_get_length(w[i].buf) - at;
	want = rnd(2) == 0 ? -1 : (ev_ssize_t)size();
	out("peek %u %zu %ld", i, at, (long)want);
	n = evbuffer_peek(w[i].buf, want, at != 0 ? &p : NULL, v, EXTENTS);
	if (n < 0 || n >= EXTENTS)
		return;
	for (k = 0; k < n; k++) {
		memcpy(scratch + sum, v[k].iov_base, v[k].iov_len);
		sum += v[k].iov_len;
	}
	if (want < 0)
		out_bytes("all", scratch, sum);
	else if (sum > (size_t)want)
		sum = (size_t)want;
	out_bytes("got", scratch, sum);
	out(" %s", sum == len || want >= 0 ? "ok" : "wrong");
}
