/*
 * An adapter without a network, and a cluster on top of it, for tests of the cluster layer: it
 * records what it is asked for, and the test tells the news.
 *
 *   begin_cluster();
 *   adapter_connects();
 *   announce("{…}");
 *   ck_asked("open /;…");
 *   end_cluster();
 *
 * The server below is that of server_world.h. Counts of receivers are answered from the loop with
 * adapter.receivers, and not recorded.
 */
#ifndef PEAL_TESTS_FAKE_ADAPTER_H
#define PEAL_TESTS_FAKE_ADAPTER_H

#include <peal/adapter.h>

#include "cluster/cluster_private.h"
#include "tests/support/server_world.h"

#define OWN_UID "owner1"

struct fake_adapter {
	struct peal_adapter base;
	const struct peal_adapter_host *host;
	char record[65536];
	size_t length;
	unsigned counts;    /* how often it was asked for a count */
	uint32_t receivers; /* what it answers */
	bool deaf;	    /* this node is none of them */
	bool silent;	    /* no count is answered */
	uint64_t number;    /* what open() and join() return */
	int refuses;	    /* what send() returns */
	bool started, freed, holds;
	struct peal_task task;
	char asked[16][64]; /* namespaces whose count is due */
	size_t asked_count;
};

extern struct fake_adapter adapter;
extern struct peal_cluster *cluster;
/* What was logged at warning and above, and at info: messages that end with ';'. */
extern char logged[65536];

/* Begin with the options that cluster_options has. */
void begin_cluster(void);
void end_cluster(void);
extern struct peal_cluster_options cluster_options;

/* News. */
void adapter_state(enum peal_adapter_state state);
/* Connected for the first time, and "/" is in force. */
void adapter_connects(void);
void adapter_opened(const char *ns);
/* An announcement, with ' for ". */
void announce(const char *text);
/* A member that serves "/". */
void announce_member(const char *uid, const char *name);
/* A broadcast of everyone in @ns. */
void hear_broadcast(const char *uid, const char *ns, const char *event);
/* Any message of this kind; what it does not give is empty. */
void hear(struct peal_message message);

/* What the adapter was asked since the last look. */
const char *asked(void);
#define ck_asked(expected) ck_assert_str_eq(asked(), expected)
/* Forget it. */
void forget_asked(void);
/* How often @part is in what was asked since the last look; nothing is forgotten. */
size_t asked_times(const char *part);
/* @part was logged; all of it is forgotten. */
bool was_logged(const char *part);

struct peal_member *member(const char *uid);
size_t member_count(void);

#endif
