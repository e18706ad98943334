/* What the parts of the program layout share. */
#ifndef REGRESS_ABI_LAYOUT_H
#define REGRESS_ABI_LAYOUT_H

#include <stddef.h>

struct event_base;

/* A line each: whether something holds, or a value. */
void says(const char *what, int holds);
void is(const char *what, long value);

/* made, or the end of the program. */
void *must(void *made, const char *what);

/* What lies offset bytes into an object. */
void *pointer_at(const void *object, size_t offset);
size_t size_at(const void *object, size_t offset);

void see_http(void);
void see_dns(struct event_base *base);

#endif
