/*
 * The cluster of a node: members, requests, deadlines, sums of acknowledgements. It fills
 * server/remote.h and talks to an adapter; the same for all adapters. Without an adapter it is a
 * cluster of one.
 */
#ifndef PEAL_CLUSTER_CLUSTER_H
#define PEAL_CLUSTER_CLUSTER_H

#include <peal/cluster.h>
#include <peal/node.h>

#include "loop/barrier.h"
#include "server/server.h"

struct peal_cluster;

struct peal_cluster_options {
	struct peal_loop *loop;
	struct peal_node *node;
	struct peal_server *server;
	struct peal_barrier *barrier;
	struct peal_stats *stats;
	const struct peal_log *log;
	struct peal_adapter *adapter; /* NULL: alone; taken over, also on failure */
	const char *uid;	      /* borrowed for life */
	const char *node_name;	      /* borrowed for life; may change: peal_cluster_renamed() */
	unsigned member_timeout_ms;
	unsigned request_timeout_ms;
	bool answer_server_events; /* those without a handler, at once and without data */
};

/* Namespaces that are there already are opened, later ones as they come. Return: 0; -errno. */
int peal_cluster_new(const struct peal_cluster_options *options, struct peal_cluster **ret_cluster)
	__attribute__((warn_unused_result));
void peal_cluster_renamed(struct peal_cluster *cluster);
/* The node is closing: say goodbye and leave the namespaces' requests. Local work goes on. */
void peal_cluster_leave(struct peal_cluster *cluster);
/* Joined once, or alone, or it has tried for long enough: clients may come. */
bool peal_cluster_settled(const struct peal_cluster *cluster);
/* Ends what is under way (PEAL_ACK_CLOSED) and frees; before peal_server_free(). */
void peal_cluster_free(struct peal_cluster *cluster);

/* How <peal/cluster.h> finds the cluster of a node; defined by src/node. */
struct peal_cluster *peal_node_cluster(struct peal_node *node);

#endif
