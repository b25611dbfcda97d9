/*
 * init pty SOCK COLSxROWS CMD...: holds CMD on a terminal of its own, reachable through the unix socket SOCK.
 *
 * What a client sends: u8 type, u16 length (big-endian), payload. 0: input; 1: u16 columns, u16 rows; 2: u8 signal for
 * the foreground process group. What it gets: up to 64 KiB of what was printed before, then the output as it comes.
 * One client at a time; a new one replaces the old. CMD starts when the first client is there, or after 2 s. When it
 * has ended, its exit code stands in SOCK.exit, and in SOCK.out what it printed last, where no client has read that.
 * A signal to pty itself ends CMD: it gets that signal, after 5 s SIGHUP (a shell at its prompt: at once), after 7 s
 * SIGKILL.
 */
#include "sys.h"
#include <asm/ioctls.h>
#include <asm/poll.h>
#include <asm/termios.h>
#include <linux/signalfd.h>
#include <linux/un.h>

enum { AF_UNIX = 1, SOCK_STREAM = 1, SCROLLBACK = 65536, MESSAGE_MAX = 3 + 65535 };
enum { START_MS = 2000, DRAIN_MS = 5000, HANG_UP_MS = 5000, KILL_MS = 7000 };

static struct {
  long master, slave, listener, client, child;
  unsigned long printed, sent; /* bytes since the start; the ring holds the last SCROLLBACK of them */
  unsigned held, typed;        /* bytes in `message`, bytes of its payload that the program has taken */
  char ring[SCROLLBACK];
  unsigned char message[MESSAGE_MAX];
} t;

/* The foreground process group; 0 where there is none. */
static int foreground(void) {
  int group = 0;
  return !sys(ioctl, t.master, TIOCGPGRP, &group) && group > 1 ? group : 0;
}
static void drop_client(void) {
  if (t.client >= 0) sys(close, t.client);
  t.client = -1, t.held = t.typed = 0;
}
static void accept_client(void) {
  drop_client();
  t.client = sys(accept4, t.listener, 0, 0, O_CLOEXEC | O_NONBLOCK);
  t.sent = t.printed > SCROLLBACK ? t.printed - SCROLLBACK : 0;
}
/* Does what stands in `message`, if it is whole. Answers 1 while the program takes no more input. */
static int obey(void) {
  unsigned char *m = t.message;
  for (unsigned size; t.held >= 3 && t.held >= (size = 3 + (m[1] << 8 | m[2])); t.held -= size, t.typed = 0) {
    for (long n; m[0] == 0 && t.typed < size - 3; t.typed += n)
      if ((n = sys(write, t.master, m + 3 + t.typed, size - 3 - t.typed)) <= 0) return n == -EAGAIN;
    struct winsize window = {.ws_col = m[3] << 8 | m[4], .ws_row = m[5] << 8 | m[6]};
    if (m[0] == 1 && size == 7) sys(ioctl, t.master, TIOCSWINSZ, &window);
    if (m[0] == 2 && size == 4 && foreground()) sys(kill, -foreground(), m[3]);
    for (unsigned i = size; i < t.held; i++) m[i - size] = m[i];
  }
  return 0;
}
static int read_client(void) {
  long n = sys(read, t.client, t.message + t.held, MESSAGE_MAX - t.held);
  if (n > 0) t.held += n;
  else if (n != -EAGAIN) drop_client();
  return obey();
}
static void write_client(unsigned long unsent) {
  unsigned long at = t.sent % SCROLLBACK, size = unsent < SCROLLBACK - at ? unsent : SCROLLBACK - at;
  long n = sys(write, t.client, t.ring + at, size);
  if (n > 0) t.sent += n;
  else if (n != -EAGAIN) drop_client();
}
/* Answers 0 when there is nothing to read. */
static int read_program(unsigned long room) {
  unsigned long at = t.printed % SCROLLBACK, size = room < SCROLLBACK - at ? room : SCROLLBACK - at;
  long n = sys(read, t.master, t.ring + at, size);
  if (n > 0) t.printed += n;
  return n > 0;
}

/* It listens before it has its name: who sees it can connect. */
static void listen_on(const char *path) {
  static struct sockaddr_un address = {AF_UNIX};
  if (length(path) > 100) fail(path, "name too long", 125);
  append(append(address.sun_path, path), ".new");
  sys(unlinkat, AT_FDCWD, address.sun_path);
  t.listener = sys(socket, AF_UNIX, SOCK_STREAM | O_CLOEXEC | O_NONBLOCK);
  long umask = sys(umask, 0177);
  if (sys(bind, t.listener, &address, sizeof address) || sys(listen, t.listener, 8) ||
      sys(renameat2, AT_FDCWD, address.sun_path, AT_FDCWD, path))
    fail(path, "cannot listen", 125);
  sys(umask, umask);
}
static void open_terminal(const char *size) {
  int index = 0, locked = 0, flags = O_RDWR | O_NOCTTY | O_CLOEXEC;
  char path[32];
  struct winsize window = {.ws_col = number(&size)};
  if (*size++ == 'x') window.ws_row = number(&size);
  t.master = sys(openat, AT_FDCWD, "/dev/ptmx", flags | O_NONBLOCK);
  if (t.master < 0) t.master = sys(openat, AT_FDCWD, "/dev/pts/ptmx", flags | O_NONBLOCK);
  sys(ioctl, t.master, TIOCSPTLCK, &locked);
  sys(ioctl, t.master, TIOCGPTN, &index);
  sys(ioctl, t.master, TIOCSWINSZ, &window);
  append_number(append(path, "/dev/pts/"), index);
  t.slave = sys(openat, AT_FDCWD, path, flags); /* held open: a program that closes its own is no end */
  if (t.master < 0 || t.slave < 0) fail(path, "no terminal", 125);
}
/* Puts two pieces into the file SOCK and `suffix`, which nobody sees before it is whole. */
static void save(const char *socket, const char *suffix, const char *one, long size, const char *two, long size_two) {
  char file[128], fresh[128];
  append(append(file, socket), suffix);
  append(append(fresh, file), ".new");
  long fd = sys(openat, AT_FDCWD, fresh, O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0600);
  sys(write, fd, one, size);
  sys(write, fd, two, size_two);
  sys(close, fd);
  sys(renameat2, AT_FDCWD, fresh, AT_FDCWD, file);
}
static void save_end(const char *socket, int code) {
  unsigned long size = t.printed < SCROLLBACK ? t.printed : SCROLLBACK, at = (t.printed - size) % SCROLLBACK;
  unsigned long first = size < SCROLLBACK - at ? size : SCROLLBACK - at;
  char text[16];
  /* always: what was sent may still be lost when the client writes to a socket that is just closing */
  save(socket, ".out", t.ring + at, first, t.ring, size - first);
  save(socket, ".exit", text, append_number(text, code) - text, 0, 0);
}
static void forget(const char *socket, const char *suffix) {
  char file[128];
  append(append(file, socket), suffix);
  sys(unlinkat, AT_FDCWD, file);
}

static void stop_program(int signal) {
  int group = foreground();
  if (group && group != t.child) sys(kill, -group, signal);
  sys(kill, -t.child, signal);
}
/* Whether it is an interactive shell at its prompt: that ignores SIGTERM, but not that its terminal goes. */
static int is_idle_shell(void) {
  char path[64], stat[1024], *at = stat;
  append(append_number(append(path, "/proc/"), t.child), "/stat");
  long fd = sys(openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC);
  long size = sys(read, fd, stat, sizeof stat - 1);
  sys(close, fd);
  stat[size > 0 ? size : 0] = 0;
  for (char *c = stat; *c; c++)
    if (*c == ')') at = c; /* behind the name, which may hold anything: field 3 and so on; 33 is what it ignores */
  for (int field = 2; *at && field < 33; at++) field += *at == ' ';
  return foreground() == t.child && number((const char **)&at) & SET(SIGTERM);
}
/* Goes on with ending the program that was told `elapsed` ago; answers what has been done. */
static int press(long elapsed, int done) {
  if (elapsed > KILL_MS && done < 2) return stop_program(SIGKILL), 2;
  if (done < 1 && (elapsed > HANG_UP_MS || is_idle_shell())) return stop_program(SIGHUP), 1;
  return done;
}

int pty(const char *socket, const char *size, char **argv, char **env, unsigned long mask) {
  unsigned long wanted = ENDING | SET(SIGCHLD);
  long begun = now_ms(), now = begun, ending = 0, ended = 0;
  int pressed = 0, status = 0, stuck = 0, drained = 0;
  struct signalfd_siginfo info;
  forget(socket, ".exit");
  forget(socket, ".out");
  open_terminal(size);
  listen_on(socket);
  long signals = sys(signalfd4, -1, &wanted, 8, O_CLOEXEC | O_NONBLOCK);
  sys(setsid, 0); /* not one of the agent's group: it outlives it */
  t.client = -1;
  for (;;) {
    if (!t.child && !ended && (t.client >= 0 || now - begun > START_MS)) t.child = spawn(argv, env, mask, t.slave);
    if (t.child < 0) fail(argv[0], "cannot start another process", 125);
    if (ending && t.child && !ended) pressed = press(now - ending, pressed);
    /* What the client has not taken is never overwritten: then the program waits. Without a client it never does. */
    unsigned long unsent = t.client < 0 ? 0 : t.printed - t.sent, room = SCROLLBACK - unsent;
    if (ended && ((drained && !unsent) || now - ended > DRAIN_MS)) break;
    struct pollfd on[] = {{signals, POLLIN},
                          {t.listener, POLLIN},
                          {drained || !(room || stuck) ? -1 : t.master, (room ? POLLIN : 0) | (stuck ? POLLOUT : 0)},
                          {t.client, (stuck ? 0 : POLLIN) | (unsent ? POLLOUT : 0)}};
    struct __kernel_timespec tick = {0, 50 * 1000000};
    sys(ppoll, on, 4, !t.child || ending || ended ? &tick : 0, 0, 8);
    now = now_ms();
    if (on[2].revents && stuck) stuck = obey();
    if (room && (on[2].revents || ended) && !read_program(room)) drained = ended > 0;
    if (on[3].revents & POLLOUT) write_client(unsent);
    if (on[3].revents & (stuck ? POLLHUP : POLLIN | POLLHUP)) stuck = read_client();
    if (on[1].revents) accept_client(), stuck = 0;
    while (sys(read, signals, &info, sizeof info) > 0)
      if (info.ssi_signo == SIGCHLD) {
        if (sys(wait4, t.child, &status, WNOHANG) == t.child) ended = now;
      } else if (!ending) {
        ending = now;
        if (!t.child) ended = now, status = info.ssi_signo;
        else if (info.ssi_pid != 1) stop_program(info.ssi_signo); /* boot, as process 1, signals everybody by itself */
      }
  }
  save_end(socket, exit_code(status));
  drop_client();
  sys(unlinkat, AT_FDCWD, socket);
  return exit_code(status);
}
