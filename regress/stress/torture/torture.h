/* What a scenario is, and what it may use. */
#ifndef TORTURE_H
#define TORTURE_H

#include <event2/event.h>
#include <event2/event_struct.h>
#include <stdbool.h>
#include <stddef.h>

struct torture {
	struct event_base *base;
	struct event guard; /* ends what waits for ever */
	bool done;          /* all that was asked for has happened */
	bool refused;       /* a call, or an error callback, said no */
	bool late;          /* the guard's time was up */
};

struct scenario {
	const char *name;
	/* Ends with everything freed but the base, whatever happens. */
	void (*run)(struct torture *t);
};

extern const struct scenario loop_scenarios[], stream_scenarios[],
    protocol_scenarios[];

/* Of every bufferevent: BEV_OPT_THREADSAFE where there are locks. */
extern int torture_bev_options;

/* Of protocol_scenarios, in files of their own. */
void torture_names(struct torture *t);
void torture_rpc(struct torture *t);
void torture_prepare_names(void);

/* What names.c and protocol.c ask of evdns. */
struct evdns_base;
struct evdns_server_port;
struct evutil_addrinfo;
struct sockaddr_in;
struct torture_ask {
	struct torture *t;
	int answers, cancelled, connected;
};
/* Callbacks for a question with one answer; the argument is a torture_ask. */
void torture_found(int result, struct evutil_addrinfo *ai, void *arg);
void torture_resolved(
    int result, char type, int count, int ttl, void *addresses, void *arg);
/* A socket of TYPE on a port of the loopback; -1 if there is none. */
int torture_bound(int type, struct sockaddr_in *sin);
/* Asks it alone, and not for long. */
bool torture_ask_server(
    struct evdns_base *dns, const struct sockaddr_in *server);
/* Frees what is not NULL; FD goes with the port, or by itself. */
void torture_end_dns(struct torture *t, struct evdns_base *dns,
    struct evdns_server_port *port, int fd);

/* In the parent, once: what the scenarios share (keys, a file). */
void torture_prepare_streams(void);
void torture_prepare_protocols(void);

/* Runs a scenario on a base; what is not done in a few seconds is late. A base
 * that could not be had is a refusal. */
void torture_play(struct torture *t, const struct scenario *s);

/* Runs the loop until *FLAG reaches N, or something is wrong. */
bool torture_wait(struct torture *t, const int *flag, int n);

/* For scenarios with a label "out". */
#define NEED(t, cond)                                                          \
	do {                                                                   \
		if (!(cond)) {                                                 \
			(t)->refused = true;                                   \
			goto out;                                              \
		}                                                              \
	} while (0)
#define WAIT(t, flag, n)                                                       \
	do {                                                                   \
		if (!torture_wait(t, flag, n))                                 \
			goto out;                                              \
	} while (0)

#endif
