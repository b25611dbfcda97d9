"""Holds a terminal: terminal.py COLUMNS ROWS PROGRAM ARGUMENT...

stdin: JSON lines {"type": text} and {"resize": [columns, rows]}. stdout: what the program prints.
stderr: JSON lines {"pid": n}, then {"exit": code, "settingsKept": bool}. Exit code: the program's.
"""
import fcntl, json, os, pty, select, struct, sys, termios


def set_size(fd, columns, rows):
    fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))


def report(**values):
    os.write(2, (json.dumps(values) + "\n").encode())


def main():
    columns, rows, argv = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]
    master, slave = pty.openpty()
    set_size(master, columns, rows)
    before = termios.tcgetattr(slave)
    pid = os.fork()
    if pid == 0:
        os.setsid()
        fcntl.ioctl(slave, termios.TIOCSCTTY, 0)
        for fd in (0, 1, 2):
            os.dup2(slave, fd)
        os.closerange(3, 256)
        os.execvp(argv[0], argv)
    report(pid=pid)
    status = carry(pid, master)
    kept = termios.tcgetattr(slave)[:4] == before[:4]
    code = os.waitstatus_to_exitcode(status)
    code = code if code >= 0 else 128 - code
    report(exit=code, settingsKept=kept)
    sys.exit(code)


def carry(pid, master):
    """Carries bytes both ways until the program has ended and everything it printed is passed on."""
    pending, status, inputs = b"", None, [0, master]
    while True:
        ready, _, _ = select.select(inputs, [], [], 0.05 if status is None else 0)
        if master in ready:
            os.write(1, os.read(master, 65536))
        if 0 in ready:
            data = os.read(0, 65536)
            if not data:
                inputs.remove(0)
            pending += data
            *lines, pending = pending.split(b"\n")
            for line in lines:
                obey(master, json.loads(line))
        if status is not None and master not in ready:
            return status
        if status is None:
            ended, result = os.waitpid(pid, os.WNOHANG)
            status = result if ended else None


def obey(master, message):
    if "type" in message:
        os.write(master, message["type"].encode())
    if "resize" in message:
        set_size(master, *message["resize"])


main()
