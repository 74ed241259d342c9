/*
 * A libuv loop that rides on the event_base, for libwebsockets, whose Debian build knows libuv but
 * not libevent.
 *
 * libuv's backend descriptor is watched by the base; whenever it is readable, or libuv's next timer
 * is due, or somebody kicked, there is a pass: libuv runs without waiting, and once more when it
 * has something to do at once. libuv documents this embedding.
 */
#ifndef PEAL_LOOP_UV_BRIDGE_H
#define PEAL_LOOP_UV_BRIDGE_H

#include "loop/loop.h"

struct peal_uv_bridge;
struct uv_loop_s;

int peal_uv_bridge_new(struct peal_loop *loop, struct peal_uv_bridge **ret_bridge)
	__attribute__((warn_unused_result));
/* The owner of handles has closed them; runs libuv until they are gone. */
void peal_uv_bridge_free(struct peal_uv_bridge *bridge);
struct uv_loop_s *peal_uv_bridge_uv(struct peal_uv_bridge *bridge);
/*
 * Changes made outside of a pass (such as asking for "writable") reach the kernel only in the next
 * pass. Call this after them; many calls in one turn make one pass.
 */
void peal_uv_bridge_kick(struct peal_uv_bridge *bridge);
/*
 * In each pass, after libuv has run: go on with what it has begun, as if it had called once more.
 * @fn returns whether there was anything.
 */
void peal_uv_bridge_go_on(struct peal_uv_bridge *bridge, bool (*fn)(void *userdata),
			  void *userdata);
/* One pass now, without waiting. Not from inside a pass. */
void peal_uv_bridge_run(struct peal_uv_bridge *bridge);
/* Inside of a pass. */
bool peal_uv_bridge_running(const struct peal_uv_bridge *bridge);

#endif
