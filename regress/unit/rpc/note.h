/* A message with one string, in the form that event_rpcgen.py gives to what it
 * makes of
 *
 *   struct note { string text = 1; } */
#ifndef UNIT_RPC_NOTE_H
#define UNIT_RPC_NOTE_H

struct evbuffer;
struct note;

struct note_access_ {
	int (*text_assign)(struct note *, const char *);
	int (*text_get)(struct note *, char **);
};

struct note {
	const struct note_access_ *base;
	char *text_data;
	int text_set;
};

struct note *note_new_with_arg(void *unused);
void note_free(struct note *n);
void note_clear(struct note *n);
void note_marshal(struct evbuffer *buf, const struct note *n);
int note_unmarshal(struct note *n, struct evbuffer *buf);
int note_complete(struct note *n);

#endif
