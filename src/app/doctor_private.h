/*
 * What the files of the doctor share: findings, and the parts of the examination.
 */
#ifndef PEAL_APP_DOCTOR_PRIVATE_H
#define PEAL_APP_DOCTOR_PRIVATE_H

#include <peal/redis_client.h>

#include "doctor.h"
#include "hooks/webhooks.h"

enum peal_finding {
	PEAL_FINDING_OK,
	PEAL_FINDING_SKIP, /* it could not be looked at, which says nothing about it */
	PEAL_FINDING_WARN,
	PEAL_FINDING_FAIL,
	PEAL_FINDING_COUNT,
};

struct peal_doctor {
	const struct peal_settings *settings;
	const char *url; /* of the balancer; NULL: none */
	bool json;
	size_t said;
	unsigned counts[PEAL_FINDING_COUNT];
};

/* One line: what was looked at, what was found, and what to do about it. Text of others in it is
 * tamed. */
void peal_doctor_say(struct peal_doctor *doctor, enum peal_finding finding, const char *check,
		     const char *format, ...) __attribute__((format(printf, 4, 5)));

/* doctor_redis.c: reached, rights, output buffers, subscribers, clock. Return: 0; -ENOMEM. */
int peal_doctor_redis(struct peal_doctor *doctor) __attribute__((warn_unused_result));
/* doctor_judge.c: the answers to INFO, TIME and CONFIG GET; and the time, in ms, that TIME was
 * asked at. */
uint64_t peal_doctor_wall_ms(void);
void peal_doctor_judge_info(struct peal_doctor *doctor, const struct peal_redis_answer *answer);
void peal_doctor_judge_time(struct peal_doctor *doctor, const struct peal_redis_answer *answer,
			    uint64_t asked_at_ms);
void peal_doctor_judge_buffers(struct peal_doctor *doctor, const struct peal_redis_answer *answer);
/* doctor_backend.c: a request to the backend. Takes @webhooks, which have not begun. Return: 0;
 * -ENOMEM. */
int peal_doctor_backend(struct peal_doctor *doctor, struct peal_webhooks *webhooks)
	__attribute__((warn_unused_result));
/* doctor_balancer.c: routing of polling sessions, WebSocket, what must stay inside. */
void peal_doctor_balancer(struct peal_doctor *doctor);

#endif
