/*
 * init exchange: exchanges names, and for a request that begins with the byte 1 makes files of content and has each change
 * places with what stands at its path, if that is what is expected there. Each step for one file, then for the next:
 * look at the path, make the private file, give it its trash name, exchange the names, look at both. A file that is not
 * exchanged leaves nothing behind. Where they take long the rest is not begun (EBUSY): who waits for the answer must not
 * take a slow disk for a program that hangs.
 *
 * A request that begins with the byte 2 asks of files alike whether they are at rest: as expected, and nobody has them open
 * for writing. The kernel then grants a lease, which is given back at once: until then whoever opens the file for writing
 * waits, or with O_NONBLOCK is refused. So nothing comes in between, and every signal is blocked (init.c), also the one
 * that asks for it back. Stopped right there (SIGSTOP, a debugger) it keeps them waiting until it goes on or dies, at most
 * /proc/sys/fs/lease-break-time.
 *
 * Request: struct request; root\0 private\0, both absolute and folders; for each file struct change, then
 * folder\0 name\0 private name\0 trash name\0, then the content. Answer: a struct outcome for each.
 */
#include "sys.h"
#include <linux/fs.h>
#include <linux/openat2.h>
#include <linux/prctl.h>
#include <linux/stat.h>

enum { S_ISGID_BIT = 02000, LONGEST_MS = 500 };
#define PACKED __attribute__((packed))

struct PACKED request {
  unsigned kind, bytes, count;
};
/* mode: kind and permissions; 0 where nothing stands. Times in ns. */
struct PACKED shown {
  unsigned long inode, size;
  long mtime, ctime;
  unsigned mode, group;
};
struct PACKED change {
  unsigned bytes, mode; /* of the content */
  long mtime;
  struct shown expected;
};
/* error: a positive errno; then nothing was changed */
struct PACKED outcome {
  unsigned error, unused;
  struct shown made, kept, placed;
};

static long look(long folder, const char *name, long flags, struct shown *to) {
  struct statx got;
  long error = sys(statx, folder, name, flags, STATX_BASIC_STATS, &got);
  to->mode = 0;
  if (error) return error;
  to->inode = got.stx_ino, to->size = got.stx_size, to->mode = got.stx_mode, to->group = got.stx_gid;
  to->mtime = got.stx_mtime.tv_sec * 1000000000L + got.stx_mtime.tv_nsec;
  to->ctime = got.stx_ctime.tv_sec * 1000000000L + got.stx_ctime.tv_nsec;
  return 0;
}
static int is_same(const struct shown *a, const struct shown *b) {
  return a->inode == b->inode && a->size == b->size && a->mtime == b->mtime && a->ctime == b->ctime && a->mode == b->mode;
}

static long fill(long file, const struct change *c, const char *content, struct shown *made) {
  struct timespec64 {
    long seconds, nanoseconds;
  } times[2];
  for (unsigned written = 0; written < c->bytes;) {
    long n = sys(write, file, content + written, c->bytes - written);
    if (n <= 0) return n ? n : -EIO;
    written += n;
  }
  for (int i = 0; i < 2; i++) times[i].seconds = c->mtime / 1000000000L, times[i].nanoseconds = c->mtime % 1000000000L;
  long error = sys(utimensat, file, 0, times, 0);
  if (!error) error = look(file, "", AT_EMPTY_PATH, made);
  if (error || (made->mode & 0777) == (c->mode & 0777)) return error;
  error = sys(fchmod, file, c->mode & 0777);
  return error ? error : look(file, "", AT_EMPTY_PATH, made);
}

/* What is made in a folder with the set-group-id bit gets the folder's group. */
static void adopt_group(long folder, long own, const char *name) {
  struct shown at;
  if (!look(folder, "", AT_EMPTY_PATH, &at) && at.mode & S_ISGID_BIT)
    sys(fchownat, own, name, -1, at.group, AT_SYMLINK_NOFOLLOW);
}

static long place(long folder, long own, const struct change *c, const char *name, struct outcome *o) {
  const char *fresh = name + length(name) + 1, *kept = fresh + length(fresh) + 1, *content = kept + length(kept) + 1;
  struct shown there;
  long error = look(folder, name, AT_SYMLINK_NOFOLLOW, &there);
  if (error) return error;
  if (!is_same(&there, &c->expected)) return -ESTALE;
  long file = sys(openat, own, fresh, O_CREAT | O_EXCL | O_WRONLY | O_NOFOLLOW | O_CLOEXEC, c->mode & 0777);
  if (file < 0) return file;
  error = fill(file, c, content, &o->made);
  long closed = sys(close, file);
  if (!error) error = closed;
  if (!error) {
    adopt_group(folder, own, fresh);
    error = sys(renameat2, own, fresh, own, kept, 0);
    if (!error) fresh = kept, error = sys(renameat2, own, kept, folder, name, RENAME_EXCHANGE);
  }
  if (error) return sys(unlinkat, own, fresh, 0), error;
  look(own, kept, AT_SYMLINK_NOFOLLOW, &o->kept);
  look(folder, name, AT_SYMLINK_NOFOLLOW, &o->placed);
  return 0;
}

/* 0 where it is at rest, EAGAIN where somebody may write to it, ESTALE where it is not as expected; else it is not known. */
static long rest(long folder, const struct change *c, const char *name, struct shown *there) {
  long error = look(folder, name, AT_SYMLINK_NOFOLLOW, there);
  if (error) return error;
  if (!is_same(there, &c->expected)) return -ESTALE;
  long file = sys(openat, folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
  if (file < 0) return file;
  error = sys(fcntl, file, F_SETLEASE, F_RDLCK);
  if (!error) {
    sys(fcntl, file, F_SETLEASE, F_UNLCK);
    error = look(file, "", AT_EMPTY_PATH, there);
    if (!error && !is_same(there, &c->expected)) error = -ESTALE;
  }
  return sys(close, file), error;
}

/* Answers how many bytes stand in `to`, whatever the request holds. */
static long do_all(const char *asked, long size, char *to, long room) {
  const struct request *r = (const struct request *)asked;
  struct open_how how = {O_PATH | O_DIRECTORY | O_CLOEXEC, 0, RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS};
  const char *root = asked + sizeof *r, *own = root + length(root) + 1, *at = own + length(own) + 1;
  long top = sys(openat, AT_FDCWD, root, O_PATH | O_DIRECTORY | O_CLOEXEC);
  long private = sys(openat, AT_FDCWD, own, O_PATH | O_DIRECTORY | O_CLOEXEC);
  long end = now_ms() + LONGEST_MS;
  unsigned done = 0;
  for (; done < r->count && (done + 1) * sizeof(struct outcome) <= (unsigned long)room; done++) {
    const struct change *c = (const struct change *)at;
    const char *dir = at + sizeof *c, *name = dir + length(dir) + 1;
    struct outcome *o = (struct outcome *)to + done;
    o->unused = o->made.mode = o->kept.mode = o->placed.mode = 0;
    long folder = top < 0 ? top : now_ms() > end ? -EBUSY : sys(openat2, top, *dir ? dir : ".", &how, sizeof how);
    long error = folder < 0 ? folder : private < 0 ? private : 0;
    if (!error) error = *asked == 2 ? rest(folder, c, name, &o->made) : place(folder, private, c, name, o);
    o->error = -error;
    if (folder >= 0) sys(close, folder);
    at = name;
    for (int i = 0; i < 3; i++) at += length(at) + 1;
    at += c->bytes;
    if (at > asked + size) break;
  }
  sys(close, top), sys(close, private);
  return done * sizeof(struct outcome);
}

/* One pair of names, or, after an empty name and up to another one, several: the answers come together. */
static long exchange_names(char *asked, long size, int *errors) {
  long count = 0;
  for (char *one = asked + !*asked, *end = asked + size; count < 1024 && (!count || (!*asked && one < end - 1));) {
    char *other = one + length(one) + 1;
    errors[count++] = -sys(renameat2, AT_FDCWD, one, AT_FDCWD, other, RENAME_EXCHANGE);
    one = other + length(other) + 1;
  }
  return count * sizeof *errors;
}

/* Whether the request goes on: it says how long it is, or ends in an empty name, or is one write. */
static int is_part(const char *asked, long size) {
  if (*asked == 1 || *asked == 2) return size < 8 || size < ((const int *)asked)[1];
  return !*asked && (size < 3 || asked[size - 1] || asked[size - 2]);
}

int exchange(void) {
  static char asked[1 << 19] __attribute__((aligned(16))), answers[1 << 16] __attribute__((aligned(16)));
  int ask[2], answer[2];
  sys(prctl, PR_SET_PDEATHSIG, SIGKILL);
  if (sys(pipe2, ask, 0) || sys(pipe2, answer, 0)) fail("exchange", "no pipe can be made", 125);
  long room = sys(fcntl, ask[1], F_SETPIPE_SZ, sizeof asked);
  char *line = append(append_number(append(append_number(asked, ask[1]), " "), answer[0]), " many ");
  sys(write, 1, asked, append(append_number(line, room > 0 ? room / 2 : 32768), " rest\n") - asked);
  for (;;) {
    long size = 0, got;
    do {
      if ((got = sys(read, ask[0], asked + size, sizeof asked - 2 - size)) <= 0) return 0;
      size += got;
    } while (is_part(asked, size));
    asked[size] = asked[size + 1] = 0;
    if (*asked == 1 || *asked == 2) size = do_all(asked, size, answers, sizeof answers);
    else size = exchange_names(asked, size, (int *)answers);
    sys(write, answer[1], answers, size);
  }
}
