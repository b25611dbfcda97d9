/*
 * The one native piece of podswap: a static program without libc, for what Node cannot do in a container.
 *   init boot CMD...                the first process: keeps CMD (the agent) running, reaps orphans, passes signals on
 *   init exec CMD...                runs CMD without LD_* and NODE_*, which would hijack or kill our own Node. Where it
 *                                   ends with HELD this process stays in its place, for a Node that only waits takes
 *                                   40 MB: with its stdin and stdout, until whoever has opened /proc/<pid>/fd/4 closes
 *                                   it, who in turn can read from fd/5 that this process ended
 *   init pty SOCK COLSxROWS CMD...  holds CMD on a terminal of its own (pty.c)
 *   init pipes COUNT                makes pipes, which Node cannot, for the agent to open by /proc/<pid>/fd; prints the
 *                                   numbers of their ends, a reading and a writing one each, and stays until stdin ends
 *   init exchange                   exchanges two names in one step (renameat2), which Node cannot: prints the numbers of
 *                                   two pipes' ends, one to write `A\0B\0` to, one to read the int errno from, and how
 *                                   many bytes it takes at once of a request to make the files as well, or of one that
 *                                   asks whether somebody writes to them (exchange.c); ends with the process that started
 *                                   it
 */
#include "sys.h"
#include <asm/ioctls.h>
#include <linux/prctl.h>

enum { GRACE_MS = 8000, BACKOFF_MS = 100, BACKOFF_MS_MAX = 2000, STEADY_MS = 10000, TICK_MS = 20, HELD = 75 };

void fail(const char *what, const char *why, int code) {
  const char *parts[] = {"podswap: ", what, ": ", why, "\n"};
  for (int i = 0; i < 5; i++) sys(write, 2, parts[i], length(parts[i]));
  for (;;) sys(exit_group, code);
}
static int is(const char *a, const char *b) { return starts(a, b) && starts(b, a); }

/* Drops LD_* and NODE_* from the list; /proc/<pid>/environ goes on showing what the container was given. */
static void clean(char **env) {
  char **to = env;
  for (; *env; env++)
    if (!starts(*env, "LD_") && !starts(*env, "NODE_")) *to++ = *env;
  *to = 0;
}

/* execvp. A program that is not there is 127, one that cannot be run 126, as in a shell. */
static __attribute__((noreturn)) void execute(char **argv, char **env) {
  const char *path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", *slash = argv[0], *end;
  char file[8192];
  long error = -ENOENT;
  for (char **e = env; *e; e++)
    if (starts(*e, "PATH=")) path = *e + 5;
  while (*slash && *slash != '/') slash++;
  if (*slash || !*argv[0]) path = "", error = sys(execve, argv[0], argv, env);
  for (; *path && !*slash; path = *end ? end + 1 : end) {
    char *to = file;
    for (end = path; *end && *end != ':'; end++);
    if (end - path + length(argv[0]) + 3 > sizeof file) continue;
    while (path < end) *to++ = *path++;
    append(append(to, to > file ? "/" : "./"), argv[0]);
    long refused = sys(execve, file, argv, env);
    if (refused != -ENOENT && refused != -ENOTDIR) error = refused;
  }
  if (error == -ENOENT || error == -ENOTDIR) fail(argv[0], "not found", 127);
  fail(argv[0], error == -EACCES ? "permission denied" : error == -ENOEXEC ? "not a program here" : "cannot run", 126);
}

/* Starts the program and answers its pid; `terminal` (or -1) becomes its controlling terminal. */
long spawn(char **argv, char **env, unsigned long mask, long terminal) {
  long pid = sys(clone, SIGCHLD);
  if (pid) return pid;
  sys(rt_sigprocmask, SIG_SETMASK, &mask, 0, 8);
  if (terminal >= 0) {
    sys(setsid, 0);
    sys(ioctl, terminal, TIOCSCTTY, 0);
    for (int fd = 0; fd < 3; fd++) sys(dup3, terminal, fd, 0);
  }
  execute(argv, env);
}

/* The agent and what was orphaned; more, where the pod shares its process namespace, is not known to be ours. */
static void signal_children(int signal) {
  static char list[4096];
  const char *at = list;
  long file = sys(openat, AT_FDCWD, "/proc/thread-self/children", O_RDONLY);
  sys(read, file, list, sizeof list - 1);
  sys(close, file);
  for (long pid; (pid = number(&at)) > 0; at++) sys(kill, pid, signal);
}
static void signal_all(int signal) {
  if (sys(getpid, 0) == 1) sys(kill, -1, signal);
  else signal_children(signal);
}

/* glibc held to a beginning: else it keeps for good what large blocks it was given back once. What is read from a socket
   comes in blocks of 65536: in the heap they leave holes between what stays, which are never given back. They are mapped
   only where the heap has no room at its end, which by itself is made 131072 larger than is asked for. */
static char **thrifty(char **env) {
  static char *list[4096];
  char **to = list;
  *to++ = "MALLOC_ARENA_MAX=1", *to++ = "MALLOC_MMAP_THRESHOLD_=32768", *to++ = "MALLOC_TOP_PAD_=0";
  for (char **from = env; *from; *to++ = *from++)
    if (to == list + 4095) return env;
  return list;
}

static int boot(char **argv, char **env, unsigned long mask) {
  unsigned long wanted = ENDING | SET(SIGCHLD);
  long agent = 0, started = 0, due = 0, delay = BACKOFF_MS, now, pid;
  int ending = 0, status;
  clean(env);
  char **list = thrifty(env);
  sys(prctl, PR_SET_CHILD_SUBREAPER, 1);
  for (;;) {
    now = now_ms();
    if (agent <= 0 && !ending && now >= due) agent = spawn(argv, list, mask, -1), started = now, due = now + delay;
    long wait = ending ? TICK_MS : agent > 0 ? 60000 : due > now ? due - now : 0;
    struct __kernel_timespec timeout = {wait / 1000, wait % 1000 * 1000000};
    long signal = sys(rt_sigtimedwait, &wanted, 0, &timeout, 8);
    now = now_ms();
    while ((pid = sys(wait4, -1, &status, WNOHANG)) > 0)
      if (pid == agent && ending) {
        if (sys(getpid, 0) != 1) signal_children(ending); /* those that were the agent's are ours now */
      } else if (pid == agent) {
        int code = exit_code(status);
        if ((code == 126 || code == 127) && now - started < 1000) return code; /* starting again would not mend it */
        if (now - started > STEADY_MS) delay = BACKOFF_MS;
        agent = 0, due = now + delay;
        delay = delay * 2 < BACKOFF_MS_MAX ? delay * 2 : BACKOFF_MS_MAX;
      }
    if (signal > 0 && signal != SIGCHLD && !ending) {
      ending = signal, due = now + GRACE_MS;
      signal_all(signal);
      if (agent > 0 && signal != SIGTERM) sys(kill, agent, SIGTERM);
    } else if (ending && (pid == -ECHILD || now >= due)) {
      signal_all(SIGKILL);
      return 128 + ending;
    }
  }
}

static int exec(char **argv, char **env) {
  int ends[2], status = 0;
  for (int fd = 3; fd < 7; fd++) sys(close, fd);
  if (sys(pipe2, ends, O_CLOEXEC) || sys(pipe2, ends, O_CLOEXEC)) fail("exec", "no pipe can be made", 125);
  clean(env);
  long pid = sys(clone, SIGCHLD);
  if (!pid) sys(prctl, PR_SET_PDEATHSIG, SIGKILL), execute(argv, env);
  if (pid < 0) fail("exec", "no process can be made", 125);
  while (sys(wait4, pid, &status, 0) == -EINTR);
  if (exit_code(status) != HELD) return exit_code(status);
  sys(close, 4);
  while (sys(read, 3, ends, 1) == -EINTR);
  return 0;
}

static int pipes(const char *count) {
  static char line[256];
  char *to = line;
  for (long made = 0, wanted = number(&count); made < wanted && made < 8; made++) {
    int ends[2];
    if (sys(pipe2, ends, 0)) fail("pipes", "none can be made", 125);
    to = append(append_number(append(append_number(to, ends[0]), " "), ends[1]), " ");
  }
  sys(write, 1, line, append(to, "\n") - line);
  while (sys(read, 0, line, sizeof line) > 0);
  return 0;
}

#if defined(__x86_64__)
__asm__(".globl _start\n_start: mov %rsp,%rdi\n and $-16,%rsp\n call start\n");
#elif defined(__aarch64__)
__asm__(".globl _start\n_start: mov x0,sp\n bl start\n");
#endif
__attribute__((used, noreturn)) void start(long *stack) {
  long count = *stack;
  char **argv = (char **)(stack + 1), **env = argv + count + 1;
  unsigned long all = ~0UL, mask = 0;
  const char *verb = count > 2 ? argv[1] : "";
  if (is(verb, "exec")) sys(exit_group, exec(argv + 2, env));
  sys(rt_sigprocmask, SIG_SETMASK, &all, &mask, 8);
  if (is(verb, "boot")) sys(exit_group, boot(argv + 2, env, mask));
  if (is(verb, "pty") && count > 4) sys(exit_group, pty(argv[2], argv[3], argv + 4, env, mask));
  if (is(verb, "pipes")) sys(exit_group, pipes(argv[2]));
  if (count == 2 && is(argv[1], "exchange")) sys(exit_group, exchange());
  fail("usage", "init boot CMD... | exec CMD... | pty SOCK COLSxROWS CMD... | pipes COUNT | exchange", 125);
}
