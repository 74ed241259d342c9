#include "loop/uv_bridge.h"

#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>
#include <uv.h>

struct peal_uv_bridge {
	struct peal_loop *loop;
	uv_loop_t uv;
	bool running; /* inside a pass: it looks for changes itself when it is done */
	bool kicked;  /* the pump is active already */
	struct event *descriptor_event;
	struct event *pump_event;
	bool (*go_on)(void *userdata); /* or NULL */
	void *userdata;
};

static void pass(struct peal_uv_bridge *bridge)
{
	bridge->kicked = false;
	bridge->running = true;
	uv_run(&bridge->uv, UV_RUN_NOWAIT);
	/* libuv looks in another run at what this changes. */
	bool changed = bridge->go_on && bridge->go_on(bridge->userdata);
	int timeout_ms = changed ? 0 : uv_backend_timeout(&bridge->uv);
	if (!timeout_ms && !peal_loop_turn_is_long(bridge->loop)) {
		/* Behind each input libwebsockets wants to be idle once. That is no reason to go
		 * all around; but a second run is all that it gets in one turn. */
		uv_run(&bridge->uv, UV_RUN_NOWAIT);
		timeout_ms = uv_backend_timeout(&bridge->uv);
	}
	bridge->running = false;
	if (timeout_ms < 0) {
		event_del(bridge->pump_event);
		return;
	}
	/* A zero timer lets the base poll in between; activating the pump from itself would not. */
	struct timeval wait = { timeout_ms / 1000, timeout_ms % 1000 * 1000 };
	event_add(bridge->pump_event, &wait);
}

static void on_event(evutil_socket_t fd, short what, void *userdata)
{
	struct peal_uv_bridge *bridge = userdata;
	(void)fd;
	(void)what;
	peal_loop_enter(bridge->loop);
	pass(bridge);
}

void peal_uv_bridge_kick(struct peal_uv_bridge *bridge)
{
	if (bridge->kicked || bridge->running)
		return;
	bridge->kicked = true;
	event_active(bridge->pump_event, EV_TIMEOUT, 0);
}

void peal_uv_bridge_go_on(struct peal_uv_bridge *bridge, bool (*fn)(void *userdata), void *userdata)
{
	bridge->go_on = fn;
	bridge->userdata = userdata;
}

void peal_uv_bridge_run(struct peal_uv_bridge *bridge)
{
	pass(bridge);
}

bool peal_uv_bridge_running(const struct peal_uv_bridge *bridge)
{
	return bridge->running;
}

struct uv_loop_s *peal_uv_bridge_uv(struct peal_uv_bridge *bridge)
{
	return &bridge->uv;
}

int peal_uv_bridge_new(struct peal_loop *loop, struct peal_uv_bridge **ret_bridge)
{
	struct event_base *base = peal_loop_base(loop);
	struct peal_uv_bridge *bridge = calloc(1, sizeof(*bridge));
	if (!bridge)
		return -ENOMEM;
	bridge->loop = loop;
	int r = uv_loop_init(&bridge->uv);
	if (r < 0) {
		free(bridge);
		return r; /* libuv's codes are negated errno here */
	}
	bridge->descriptor_event =
		event_new(base, uv_backend_fd(&bridge->uv), EV_READ | EV_PERSIST, on_event, bridge);
	bridge->pump_event = event_new(base, -1, 0, on_event, bridge);
	if (!bridge->descriptor_event || !bridge->pump_event ||
	    event_add(bridge->descriptor_event, NULL) < 0) {
		peal_uv_bridge_free(bridge);
		return -ENOMEM;
	}
	*ret_bridge = bridge;
	return 0;
}

void peal_uv_bridge_free(struct peal_uv_bridge *bridge)
{
	if (!bridge)
		return;
	if (bridge->descriptor_event)
		event_free(bridge->descriptor_event);
	if (bridge->pump_event)
		event_free(bridge->pump_event);
	/* Closing handles takes a pass or two. */
	for (int i = 0; i < 16 && uv_loop_close(&bridge->uv) == UV_EBUSY; i++)
		uv_run(&bridge->uv, UV_RUN_NOWAIT);
	free(bridge);
}
