/*
 * What waits for the backend: items that are sent in batches, in several lanes of which each has at
 * most one batch under way.
 *
 * All items of a client take the same lane, so that they arrive in their order. A batch is what has
 * gathered meanwhile; it is sent again, unchanged, until it is taken or until its first item is too
 * old. What waits behind others that are taken is not too old: it has had no try. No clock and no
 * I/O.
 */
#ifndef PEAL_APP_HOOKS_LANES_H
#define PEAL_APP_HOOKS_LANES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Of a batch; one item may be longer than the bytes. Express takes 100 kB unless it is told
 * otherwise, and who sends a long event must not have those of others refused with it. */
#define PEAL_LANES_BATCH_ITEMS 100
#define PEAL_LANES_BATCH_BYTES (64u << 10)
/* Beside its text. */
#define PEAL_LANES_ITEM_BYTES 128
#define PEAL_LANES_MOST 64

struct peal_lane_item {
	struct peal_lane_item *next;
	uint64_t added_ms;
	void *userdata;
	size_t length;
	char *json; /* freed with the item */
};

struct peal_lane {
	struct peal_lane_item *first, **end;
	size_t bytes;
	size_t batch; /* items at the beginning that belong together; 0: not yet */
	bool sending;
	unsigned failures;
	uint64_t not_before_ms;
};

enum peal_lane_fate {
	PEAL_LANE_DELIVERED,
	PEAL_LANE_REFUSED, /* by the backend */
	PEAL_LANE_EXPIRED, /* it is too old */
	PEAL_LANE_LOST,	   /* all this is freed */
};

/* The item is gone when this returns. */
typedef void peal_lane_fate_fn(struct peal_lane_item *item, enum peal_lane_fate fate,
			       void *userdata);

struct peal_lanes {
	struct peal_lane items[PEAL_LANES_MOST];
	unsigned count;
	size_t ceiling;	  /* of bytes, for all lanes together; each has its part */
	uint64_t keep_ms; /* how old an item gets */
	size_t waiting, bytes;
	uint32_t random;
	peal_lane_fate_fn *fn;
	void *userdata;
};

/* @fn: gets to know each item that leaves. */
void peal_lanes_init(struct peal_lanes *lanes, unsigned count, uint32_t random,
		     peal_lane_fate_fn *fn, void *userdata);
/* Drops what waits. */
void peal_lanes_deinit(struct peal_lanes *lanes);

/**
 * peal_lanes_add() - let an item wait
 * @number:  of the client
 * @json:    taken
 * @reserve: a lane that is full has room for a quarter more of these
 *
 * Return: 0; -ENOMEM; -EBUSY when the lane is full.
 */
int peal_lanes_add(struct peal_lanes *lanes, uint32_t number, char *json, size_t length,
		   bool reserve, void *userdata, uint64_t now_ms)
	__attribute__((warn_unused_result));

/* A lane that can send: its first `batch` items. Return: NULL when there is none. */
struct peal_lane *peal_lanes_next(struct peal_lanes *lanes, uint64_t now_ms);
/* The batch is under way. */
void peal_lane_sent(struct peal_lane *lane);
/* It was taken, or will never be. */
void peal_lanes_end(struct peal_lanes *lanes, struct peal_lane *lane, enum peal_lane_fate fate);
/* It was not taken: again in a while, of at least @pause_ms. */
void peal_lanes_again(struct peal_lanes *lanes, struct peal_lane *lane, unsigned pause_ms,
		      uint64_t now_ms);
/* Drops what is too old, where the last batch was not taken and none is under way. */
void peal_lanes_expire(struct peal_lanes *lanes, uint64_t now_ms);

#endif
