/* What the BIOs of bio.c and wire.c have in common. */
#include "compat/tls/tls.h"

static int
create(BIO *bio)
{
	BIO_set_init(bio, 1);
	BIO_set_shutdown(bio, BIO_NOCLOSE);
	return 1;
}

static int
destroy(BIO *bio)
{
	if (bio == NULL)
		return 0;
	BIO_set_data(bio, NULL);
	BIO_set_init(bio, 0);
	return 1;
}

BIO_METHOD *
ev_tls_method_new_(const struct ev_tls_calls *calls)
{
	int type = BIO_get_new_index();
	BIO_METHOD *m;

	if (type < 0)
		return NULL;
	m = BIO_meth_new(type | calls->kind, calls->name);
	if (m == NULL)
		return NULL;
	if (!BIO_meth_set_create(m, create) ||
	    !BIO_meth_set_destroy(m, destroy) ||
	    !BIO_meth_set_read(m, calls->read) ||
	    !BIO_meth_set_write(m, calls->write) ||
	    !BIO_meth_set_puts(m, calls->puts) ||
	    !BIO_meth_set_ctrl(m, calls->ctrl)) {
		BIO_meth_free(m);
		return NULL;
	}
	return m;
}

long
ev_tls_method_ctrl_(BIO *bio, int cmd, long num)
{
	switch (cmd) {
	case BIO_CTRL_GET_CLOSE:
		return BIO_get_shutdown(bio);
	case BIO_CTRL_SET_CLOSE:
		BIO_set_shutdown(bio, (int)num);
		return 1;
	case BIO_CTRL_FLUSH:
	case BIO_CTRL_DUP:
		return 1;
	default:
		return 0;
	}
}
