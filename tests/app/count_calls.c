/*
 * Runs a program and counts all its system calls, of all threads, by what they do. The counts are
 * in a file that can be read at any time: four numbers of 64 bits, in the order of enum kind.
 *
 *     count_calls FILE PROGRAM [ARGUMENT…]
 *
 * Ends as the program ends, and hands SIGTERM and SIGINT on to it.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum kind { WRITES, READS, WAITS, OTHERS, KINDS };

static uint64_t *counts;
static pid_t program;

static void hand_on(int number)
{
	kill(program, number);
}

static enum kind kind_of(uint64_t call)
{
	switch (call) {
	case SYS_write:
	case SYS_writev:
	case SYS_pwrite64:
	case SYS_pwritev:
	case SYS_sendto:
	case SYS_sendmsg:
	case SYS_sendmmsg:
	case SYS_sendfile:
	case SYS_splice:
		return WRITES;
	case SYS_read:
	case SYS_readv:
	case SYS_recvfrom:
	case SYS_recvmsg:
	case SYS_recvmmsg:
		return READS;
#ifdef SYS_epoll_wait
	case SYS_epoll_wait:
#endif
	case SYS_epoll_pwait:
#ifdef SYS_epoll_pwait2
	case SYS_epoll_pwait2:
#endif
		return WAITS;
	default:
		return OTHERS;
	}
}

static void fail(const char *what)
{
	perror(what);
	if (program > 0)
		kill(program, SIGKILL);
	exit(125);
}

/* Each stop of a thread of the program, until the first one has ended. Return: how it has. */
static int follow(void)
{
	for (;;) {
		struct __ptrace_syscall_info info;
		int status, number;
		pid_t thread = waitpid(-1, &status, __WALL);
		if (thread < 0 && errno == EINTR)
			continue;
		if (thread < 0)
			fail("waitpid");
		if (!WIFSTOPPED(status)) {
			if (thread == program)
				return status;
			continue;
		}
		number = WSTOPSIG(status);
		if (number == (SIGTRAP | 0x80)) {
			if (ptrace(PTRACE_GET_SYSCALL_INFO, thread, sizeof(info), &info) > 0 &&
			    info.op == PTRACE_SYSCALL_INFO_ENTRY)
				__atomic_add_fetch(&counts[kind_of(info.entry.nr)], 1,
						   __ATOMIC_RELAXED);
			number = 0;
		} else if (number == SIGTRAP || number == SIGSTOP) {
			/* The start of the program, or of a thread. */
			number = 0;
		}
		/* It may have been killed meanwhile; waitpid() tells. */
		ptrace(PTRACE_SYSCALL, thread, NULL, number);
	}
}

int main(int argc, char **argv)
{
	int status, file;
	if (argc < 3)
		return 125;
	file = open(argv[1], O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (file < 0 || ftruncate(file, KINDS * sizeof(*counts)))
		fail(argv[1]);
	counts = mmap(NULL, KINDS * sizeof(*counts), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
	if (counts == MAP_FAILED)
		fail("mmap");
	program = fork();
	if (program < 0)
		fail("fork");
	if (!program) {
		ptrace(PTRACE_TRACEME, 0, NULL, NULL);
		raise(SIGSTOP);
		execv(argv[2], argv + 2);
		fail(argv[2]);
	}
	signal(SIGTERM, hand_on);
	signal(SIGINT, hand_on);
	if (waitpid(program, &status, 0) != program || !WIFSTOPPED(status))
		fail("the program did not start");
	if (ptrace(PTRACE_SETOPTIONS, program, NULL,
		   PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACECLONE | PTRACE_O_TRACEFORK |
			   PTRACE_O_TRACEVFORK | PTRACE_O_EXITKILL) < 0)
		fail("PTRACE_SETOPTIONS");
	ptrace(PTRACE_SYSCALL, program, NULL, 0);
	status = follow();
	if (WIFSIGNALED(status)) {
		signal(WTERMSIG(status), SIG_DFL);
		raise(WTERMSIG(status));
	}
	return WEXITSTATUS(status);
}
