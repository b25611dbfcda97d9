/*
 * init pty SOCK COLSxROWS CMD...: holds CMD on a terminal of its own, reachable through the unix socket SOCK.
 *
 * What a client sends: u8 type, u16 length (big-endian), payload. 0: input; 1: u16 columns, u16 rows; 2: u8 signal for
 * the foreground process group. What it gets: up to 64 KiB of what was printed before, then the output as it comes.
 * One client at a time; a new one replaces the old. When CMD has ended, its exit code stands in SOCK.exit.
 * A signal to pty itself ends CMD: it gets that signal, after 2 s SIGHUP, after 3 s SIGKILL.
 */
#include "sys.h"
#include <asm/ioctls.h>
#include <asm/poll.h>
#include <asm/termios.h>
#include <linux/signalfd.h>
#include <linux/un.h>

enum { AF_UNIX = 1, SOCK_STREAM = 1, SCROLLBACK = 65536, MESSAGE_MAX = 3 + 65535, DRAIN_MS = 5000 };

static struct {
  long master, slave, listener, client, child;
  unsigned long printed, sent; /* bytes since the start; the ring holds the last SCROLLBACK of them */
  unsigned held, typed;        /* bytes in `message`, bytes of its payload that the program has taken */
  char ring[SCROLLBACK];
  unsigned char message[MESSAGE_MAX];
} t;

/* Answers the group, 0 where there is none. */
static int signal_foreground(int signal) {
  int group = 0;
  if (!sys(ioctl, t.master, TIOCGPGRP, &group) && group > 1) sys(kill, -group, signal);
  return group;
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
    if (m[0] == 2 && size == 4) signal_foreground(m[3]);
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

static void listen_on(const char *path) {
  static struct sockaddr_un address = {AF_UNIX};
  if (length(path) > 100) fail(path, "name too long", 125);
  append(address.sun_path, path);
  sys(unlinkat, AT_FDCWD, path);
  t.listener = sys(socket, AF_UNIX, SOCK_STREAM | O_CLOEXEC | O_NONBLOCK);
  long umask = sys(umask, 0177);
  if (sys(bind, t.listener, &address, sizeof address) || sys(listen, t.listener, 8)) fail(path, "cannot listen", 125);
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
static void write_exit(const char *file, int code) {
  char fresh[128], text[16];
  append(append(fresh, file), ".new");
  long fd = sys(openat, AT_FDCWD, fresh, O_CREAT | O_TRUNC | O_WRONLY, 0600);
  sys(write, fd, text, append_number(text, code) - text);
  sys(renameat2, AT_FDCWD, fresh, AT_FDCWD, file);
}


static void stop_program(int signal) {
  if (signal_foreground(signal) != t.child) sys(kill, -t.child, signal);
}

int pty(const char *socket, const char *size, char **argv, char **env, unsigned long mask) {
  static const struct __kernel_timespec tick = {0, 100 * 1000000};
  unsigned long wanted = ENDING | SET(SIGCHLD);
  long ending = 0, ended = 0, now;
  int stage = 0, status = 0, stuck = 0, drained = 0;
  char exit_file[128];
  struct signalfd_siginfo info;
  listen_on(socket);
  open_terminal(size);
  append(append(exit_file, socket), ".exit");
  sys(unlinkat, AT_FDCWD, exit_file);
  long signals = sys(signalfd4, -1, &wanted, 8, O_CLOEXEC | O_NONBLOCK);
  sys(setsid, 0); /* not one of the agent's group: it outlives it */
  t.client = -1;
  t.child = spawn(argv, env, mask, t.slave);
  for (;;) {
    /* What the client has not taken is never overwritten: then the program waits. Without a client it never does. */
    unsigned long unsent = t.client < 0 ? 0 : t.printed - t.sent, room = SCROLLBACK - unsent;
    now = now_ms();
    if (ended && ((drained && !unsent) || now - ended > DRAIN_MS)) break;
    if (ending && !ended && stage < 2 && now - ending > 2000 + stage * 1000) stop_program(stage++ ? SIGKILL : SIGHUP);
    struct pollfd on[] = {{signals, POLLIN},
                          {t.listener, POLLIN},
                          {drained || !(room || stuck) ? -1 : t.master, (room ? POLLIN : 0) | (stuck ? POLLOUT : 0)},
                          {t.client, (stuck ? 0 : POLLIN) | (unsent ? POLLOUT : 0)}};
    sys(ppoll, on, 4, ending || ended ? &tick : 0, 0, 8);
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
        if (info.ssi_pid != 1) stop_program(info.ssi_signo); /* boot, as process 1, signals everybody by itself */
      }
  }
  write_exit(exit_file, exit_code(status));
  drop_client();
  sys(unlinkat, AT_FDCWD, socket);
  return exit_code(status);
}
