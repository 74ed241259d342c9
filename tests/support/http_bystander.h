/* Every attack on the HTTP server happens beside a client that must not notice. */
#ifndef PEAL_TESTS_HTTP_BYSTANDER_H
#define PEAL_TESTS_HTTP_BYSTANDER_H

#include "tests/support/http_bench.h"

static struct client *bystander;

static inline void set_up(void)
{
	bench_open(1000, NULL);
	bystander = client_new();
	client_send(bystander, "GET /t/park?bystander HTTP/1.1\r\nHost: localhost\r\n\r\n");
}

static inline void tear_down(void)
{
	ck_assert(client_waits(bystander));
	bench_answer_parked(0, "undisturbed");
	ck_assert_uint_eq(client_answer(bystander), 200);
	ck_assert_str_eq(client_header(bystander, "Connection"), "keep-alive");
	client_free(bystander);
	bench_close();
}

static inline size_t attacker_connections(void)
{
	bench_pump();
	return peal_http_server_connections(bench.server) - 1;
}

#endif
