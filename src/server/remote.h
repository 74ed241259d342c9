/*
 * What leaves the node. The cluster layer fills this table; without it a node is simply alone: the
 * server never knows what a cluster is. Nothing here blocks or calls back before it returns.
 */
#ifndef PEAL_SERVER_REMOTE_H
#define PEAL_SERVER_REMOTE_H

#include <peal/emit.h>

struct peal_remote {
	/* A broadcast that is not PEAL_LOCAL; called after the local clients were queued. @event is
	 * not NUL-terminated.
	 */
	void (*broadcast)(struct peal_namespace *ns, const struct peal_target *target,
			  const char *event, size_t event_length, const struct peal_args *args,
			  void *context);
	/* The bulk operations that are not PEAL_LOCAL. */
	void (*join)(struct peal_namespace *ns, const struct peal_target *target,
		     struct peal_rooms rooms, void *context);
	void (*leave)(struct peal_namespace *ns, const struct peal_target *target,
		      struct peal_rooms rooms, void *context);
	void (*disconnect)(struct peal_namespace *ns, const struct peal_target *target, bool close,
			   void *context);
	void *context;
};

#endif
