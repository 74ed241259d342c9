/*
 * Functions that run later: sent by other threads (peal_node_post()), or after a delay
 * (peal_node_after()).
 */
#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "node/node_private.h"

struct posted {
	struct peal_list link;
	peal_node_fn *fn;
	void *userdata;
};

static void run_posted(struct peal_node *node)
{
	struct peal_list batch, *link;
	struct peal_posts *posts = &node->posts;
	peal_list_init(&batch);
	pthread_mutex_lock(&posts->mutex);
	while ((link = peal_list_take(&posts->queue)))
		peal_list_append(&batch, link);
	pthread_mutex_unlock(&posts->mutex);
	while ((link = peal_list_take(&batch))) {
		struct posted *posted = peal_container(link, struct posted, link);
		posted->fn(node, posted->userdata);
		free(posted);
	}
}

static void on_wake(evutil_socket_t fd, short what, void *userdata)
{
	struct peal_node *node = userdata;
	uint64_t count;
	(void)what;
	peal_loop_enter(node->loop);
	if (read(fd, &count, sizeof(count)) < 0)
		return;
	peal_loop_run_tasks(node->loop);
	run_posted(node);
}

int peal_posts_init(struct peal_node *node)
{
	struct peal_posts *posts = &node->posts;
	peal_list_init(&posts->queue);
	if (pthread_mutex_init(&posts->mutex, NULL) != 0)
		return -ENOMEM;
	posts->mutex_made = true;
	posts->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (posts->wake_fd < 0)
		return -errno;
	posts->wake_event = event_new(peal_loop_base(node->loop), posts->wake_fd,
				      EV_READ | EV_PERSIST, on_wake, node);
	if (!posts->wake_event || event_add(posts->wake_event, NULL) < 0)
		return -ENOMEM;
	return 0;
}

void peal_posts_deinit(struct peal_node *node)
{
	struct peal_posts *posts = &node->posts;
	if (posts->mutex_made) {
		pthread_mutex_lock(&posts->mutex);
		posts->closed = true;
		pthread_mutex_unlock(&posts->mutex);
		run_posted(node);
	}
	if (posts->wake_event)
		event_free(posts->wake_event);
	posts->wake_event = NULL;
}

void peal_posts_destroy(struct peal_node *node)
{
	struct peal_posts *posts = &node->posts;
	if (posts->mutex_made)
		pthread_mutex_destroy(&posts->mutex);
	if (posts->wake_fd >= 0)
		close(posts->wake_fd);
}

int peal_node_post(struct peal_node *node, peal_node_fn *fn, void *userdata)
{
	struct peal_posts *posts = &node->posts;
	struct posted *posted = calloc(1, sizeof(*posted));
	if (!posted)
		return -ENOMEM;
	posted->fn = fn;
	posted->userdata = userdata;
	pthread_mutex_lock(&posts->mutex);
	bool closed = posts->closed;
	if (!closed)
		peal_list_append(&posts->queue, &posted->link);
	pthread_mutex_unlock(&posts->mutex);
	if (closed) {
		free(posted);
		return -ESHUTDOWN;
	}
	/* A full counter means that the loop was woken already. */
	if (write(posts->wake_fd, &(uint64_t){ 1 }, sizeof(uint64_t)) < 0)
		return 0;
	return 0;
}

/* --- later --------------------------------------------------------------------------------- */

struct after {
	struct peal_list link;
	struct peal_timer timer;
	struct peal_node *node;
	peal_node_fn *fn;
	void *userdata;
};

static void after_run(struct peal_timer *timer)
{
	struct after *after = peal_container(timer, struct after, timer);
	peal_list_unlink(&after->link);
	/* What happened before in this turn is told before. */
	peal_loop_run_tasks(after->node->loop);
	after->fn(after->node, after->userdata);
	free(after);
}

int peal_node_after(struct peal_node *node, unsigned delay_ms, peal_node_fn *fn, void *userdata)
{
	if (node->freeing)
		return -ESHUTDOWN;
	struct after *after = calloc(1, sizeof(*after));
	if (!after)
		return -ENOMEM;
	after->node = node;
	after->fn = fn;
	after->userdata = userdata;
	after->timer.fn = after_run;
	if (peal_timer_arm(node->loop, &after->timer, delay_ms) < 0) {
		free(after);
		return -ENOMEM;
	}
	peal_list_append(&node->afters, &after->link);
	return 0;
}

void peal_afters_run_all(struct peal_node *node)
{
	struct peal_list *link;
	while ((link = peal_list_first(&node->afters))) {
		struct after *after = peal_container(link, struct after, link);
		peal_timer_disarm(node->loop, &after->timer);
		after_run(&after->timer);
	}
}
