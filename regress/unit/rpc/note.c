#include "note.h"

#include <event2/buffer.h>
#include <event2/tag.h>
#include <stdlib.h>
#include <string.h>

enum { NOTE_TEXT = 1 };

static int
assign(struct note *n, const char *value)
{
	char *copy = strdup(value);

	if (copy == NULL)
		return -1;
	free(n->text_data);
	n->text_data = copy;
	n->text_set = 1;
	return 0;
}

static int
get(struct note *n, char **value)
{
	if (!n->text_set)
		return -1;
	*value = n->text_data;
	return 0;
}

static const struct note_access_ access_note = {assign, get};

struct note *
note_new_with_arg(void *unused)
{
	struct note *n = calloc(1, sizeof(*n));

	(void)unused;
	if (n != NULL)
		n->base = &access_note;
	return n;
}

void
note_clear(struct note *n)
{
	free(n->text_data);
	n->text_data = NULL;
	n->text_set = 0;
}

void
note_free(struct note *n)
{
	note_clear(n);
	free(n);
}

void
note_marshal(struct evbuffer *buf, const struct note *n)
{
	evtag_marshal_string(buf, NOTE_TEXT, n->text_data);
}

int
note_unmarshal(struct note *n, struct evbuffer *buf)
{
	ev_uint32_t tag = 0;

	while (evbuffer_get_length(buf) > 0) {
		if (evtag_peek(buf, &tag) == -1 || tag != NOTE_TEXT ||
		    n->text_set)
			return -1;
		if (evtag_unmarshal_string(buf, NOTE_TEXT, &n->text_data) == -1)
			return -1;
		n->text_set = 1;
	}
	return note_complete(n);
}

int
note_complete(struct note *n)
{
	return n->text_set ? 0 : -1;
}
