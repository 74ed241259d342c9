/*
 * What waits for the backend.
 */
#include "lanes.h"

#include <errno.h>
#include <stdlib.h>

/* The pause after a failure; each further one doubles it. */
#define PAUSE_FIRST_MS 250
#define PAUSE_MOST_MS 10000

void peal_lanes_init(struct peal_lanes *lanes, unsigned count, uint32_t random,
		     peal_lane_fate_fn *fn, void *userdata)
{
	*lanes = (struct peal_lanes){
		.count = count, .random = random | 1, .fn = fn, .userdata = userdata
	};
	for (unsigned i = 0; i < count; i++)
		lanes->items[i].end = &lanes->items[i].first;
}

static struct peal_lane_item *take(struct peal_lanes *lanes, struct peal_lane *lane)
{
	struct peal_lane_item *item = lane->first;
	size_t bytes = item->length + PEAL_LANES_ITEM_BYTES;

	lane->first = item->next;
	if (!lane->first)
		lane->end = &lane->first;
	lane->bytes -= bytes;
	lanes->bytes -= bytes;
	lanes->waiting--;
	return item;
}

static void drop(struct peal_lanes *lanes, struct peal_lane *lane, enum peal_lane_fate fate)
{
	struct peal_lane_item *item = take(lanes, lane);

	lanes->fn(item, fate, lanes->userdata);
	free(item->json);
	free(item);
}

void peal_lanes_deinit(struct peal_lanes *lanes)
{
	for (unsigned i = 0; i < lanes->count; i++)
		while (lanes->items[i].first)
			drop(lanes, &lanes->items[i], PEAL_LANE_LOST);
}

/* What a lane has taken of its ceiling. An item that is longer than that, and came when nothing
 * waited, fills it: it is not to keep out those that there is room for beyond it. */
static size_t taken(const struct peal_lane *lane, size_t ceiling)
{
	size_t first = lane->first ? lane->first->length + PEAL_LANES_ITEM_BYTES : 0;

	return first > ceiling ? lane->bytes - (first - ceiling) : lane->bytes;
}

int peal_lanes_add(struct peal_lanes *lanes, uint32_t number, char *json, size_t length,
		   bool reserve, void *userdata, uint64_t now_ms)
{
	struct peal_lane *lane = &lanes->items[number % lanes->count];
	size_t ceiling = lanes->ceiling / lanes->count, bytes = length + PEAL_LANES_ITEM_BYTES;
	size_t most = reserve ? ceiling + ceiling / 4 : ceiling;
	/* One that is longer than that goes when nothing waits. */
	bool full = lane->first && taken(lane, ceiling) + bytes > most;
	struct peal_lane_item *item = full ? NULL : malloc(sizeof(*item));

	if (!item) {
		free(json);
		return full ? -EBUSY : -ENOMEM;
	}
	*item = (struct peal_lane_item){
		.added_ms = now_ms, .userdata = userdata, .length = length, .json = json
	};
	*lane->end = item;
	lane->end = &item->next;
	lane->bytes += bytes;
	lanes->bytes += bytes;
	lanes->waiting++;
	return 0;
}

/* A batch that was sent before stays as it is. */
static void gather(struct peal_lane *lane)
{
	size_t bytes = 0;

	if (lane->batch)
		return;
	for (const struct peal_lane_item *item = lane->first;
	     item && lane->batch < PEAL_LANES_BATCH_ITEMS; item = item->next) {
		bytes += item->length;
		if (lane->batch && bytes > PEAL_LANES_BATCH_BYTES)
			break;
		lane->batch++;
	}
}

struct peal_lane *peal_lanes_next(struct peal_lanes *lanes, uint64_t now_ms)
{
	for (unsigned i = 0; i < lanes->count; i++) {
		struct peal_lane *lane = &lanes->items[i];

		if (!lane->first || lane->sending || now_ms < lane->not_before_ms)
			continue;
		gather(lane);
		return lane;
	}
	return NULL;
}

void peal_lane_sent(struct peal_lane *lane)
{
	lane->sending = true;
}

void peal_lanes_end(struct peal_lanes *lanes, struct peal_lane *lane, enum peal_lane_fate fate)
{
	size_t count = lane->batch;

	lane->sending = false;
	lane->failures = 0;
	lane->not_before_ms = 0;
	lane->batch = 0;
	while (count--)
		drop(lanes, lane, fate);
}

/* xorshift; a quarter more or less, so that lanes and nodes do not come together. */
static uint64_t spread(struct peal_lanes *lanes, uint64_t pause_ms)
{
	lanes->random ^= lanes->random << 13;
	lanes->random ^= lanes->random >> 17;
	lanes->random ^= lanes->random << 5;
	return pause_ms * 3 / 4 + lanes->random % (pause_ms / 2 + 1);
}

void peal_lanes_again(struct peal_lanes *lanes, struct peal_lane *lane, unsigned pause_ms,
		      uint64_t now_ms)
{
	uint64_t pause = PAUSE_FIRST_MS;

	for (unsigned i = 0; i < lane->failures && pause < PAUSE_MOST_MS; i++)
		pause *= 2;
	if (pause > PAUSE_MOST_MS)
		pause = PAUSE_MOST_MS;
	pause = spread(lanes, pause);
	lane->sending = false;
	lane->failures++;
	lane->not_before_ms = now_ms + (pause > pause_ms ? pause : pause_ms);
}

void peal_lanes_expire(struct peal_lanes *lanes, uint64_t now_ms)
{
	for (unsigned i = 0; i < lanes->count; i++) {
		struct peal_lane *lane = &lanes->items[i];

		while (!lane->sending && lane->failures && lane->first &&
		       now_ms - lane->first->added_ms > lanes->keep_ms) {
			lane->batch = 0; /* what is left of it is another one */
			drop(lanes, lane, PEAL_LANE_EXPIRED);
		}
	}
}
