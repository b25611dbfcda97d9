/* What libc would give: system calls, a little text, and what init.c and pty.c share. */
#include <asm/signal.h>
#include <asm/unistd.h>
#include <linux/errno.h>
#include <linux/fcntl.h>
#include <linux/time.h>
#include <linux/time_types.h>
#include <linux/wait.h>

#if defined(__x86_64__)
static inline long call(long n, long a, long b, long c, long d, long e) {
  register long r10 __asm__("r10") = d, r8 __asm__("r8") = e;
  __asm__ volatile("syscall" : "+a"(n) : "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8) : "rcx", "r11", "memory");
  return n;
}
#elif defined(__aarch64__)
static inline long call(long n, long a, long b, long c, long d, long e) {
  register long x8 __asm__("x8") = n, x0 __asm__("x0") = a, x1 __asm__("x1") = b, x2 __asm__("x2") = c;
  register long x3 __asm__("x3") = d, x4 __asm__("x4") = e;
  __asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4) : "memory");
  return x0;
}
#endif
/* A system call; answers a negative errno where the kernel refuses. Arguments that are left out are 0. */
#define SYS(n, a, b, c, d, e, ...) call(n, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e))
#define sys(name, ...) SYS(__NR_##name, __VA_ARGS__, 0, 0, 0, 0, 0)

#define SET(signal) (1UL << ((signal) - 1))
/* What a runtime sends to end a container: SIGTERM, or the image's STOPSIGNAL (37: SIGRTMIN+3, systemd's). */
#define ENDING                                                                                              \
  (SET(SIGTERM) | SET(SIGINT) | SET(SIGHUP) | SET(SIGQUIT) | SET(SIGUSR1) | SET(SIGUSR2) | SET(SIGPWR) | SET(37))

static inline unsigned long length(const char *s) {
  unsigned long n = 0;
  while (s[n]) n++;
  return n;
}
static inline char *append(char *to, const char *s) {
  while ((*to = *s++)) to++;
  return to;
}
static inline char *append_number(char *to, unsigned long n) {
  if (n > 9) to = append_number(to, n / 10);
  return append(to, (char[]){'0' + n % 10, 0});
}
/* Reads the digits at *s and steps over them. */
static inline long number(const char **s) {
  long n = 0;
  for (; **s >= '0' && **s <= '9' && n < 1L << 40; ++*s) n = n * 10 + **s - '0';
  return n;
}
static inline int starts(const char *s, const char *with) {
  while (*with && *s == *with) s++, with++;
  return !*with;
}
static inline long now_ms(void) {
  struct __kernel_timespec t;
  sys(clock_gettime, CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}
static inline int exit_code(int status) { return status & 127 ? 128 + (status & 127) : status >> 8 & 255; }

/* In init.c */
void fail(const char *what, const char *why, int code) __attribute__((noreturn));
long spawn(char **argv, char **env, unsigned long mask, long terminal);
/* In exchange.c */
int exchange(void);
/* In pty.c */
int pty(const char *socket, const char *size, char **argv, char **env, unsigned long mask);
