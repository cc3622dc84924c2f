"""A Linux with BlueZ in QEMU, its HCI lines joined to controllers of `woad air`."""
import atexit
import json
import os
import queue
import socket
import subprocess
import threading

root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


class Machine:
    """`lines`: the Unix sockets at which the guest's serial lines find their controllers."""

    def __init__(self, image, lines, folder):
        control = os.path.join(folder, "control")
        self.console = os.path.join(folder, "console.log")
        server = socket.socket(socket.AF_UNIX)
        server.bind(control)
        server.listen()
        command = ["qemu-system-x86_64", "-M", "q35", "-cpu", "max", "-m", "512", "-nodefaults", "-display", "none", "-no-reboot",
                   "-kernel", image + "/vmlinuz", "-initrd", image + "/initramfs.cpio", "-append", "console=ttyS0 panic=-1",
                   "-drive", "if=virtio,format=raw,readonly=on,file=%s/root.squashfs" % image,
                   "-virtfs", "local,path=%s,mount_tag=woad,security_model=none,readonly=on" % root,
                   "-serial", "file:" + self.console, "-object", "rng-random,id=rng,filename=/dev/urandom", "-device", "virtio-rng-pci,rng=rng",
                   "-chardev", "socket,id=control,path=" + control, "-device", "virtio-serial", "-device", "virtserialport,chardev=control"]
        for n, path in enumerate(lines):
            command += ["-chardev", "socket,id=hci%d,path=%s,reconnect=1" % (n, path), "-device", "pci-serial,chardev=hci%d" % n]
        self.q = subprocess.Popen(command, stdin=subprocess.DEVNULL)
        atexit.register(self.q.kill)
        server.settimeout(20)
        self.wire = server.accept()[0]
        self.events, self.answers, self.count, self.gone = [], {}, 0, False
        self.changed = threading.Condition()
        threading.Thread(target=self.listen, daemon=True).start()
        self.kernel = self.event("ready", 120)["kernel"]

    def listen(self):
        for line in self.wire.makefile("rb"):
            said = json.loads(line)
            with self.changed:
                if "id" in said:
                    self.answers[said["id"]] = said
                else:
                    self.events.append(said)
                self.changed.notify_all()
        with self.changed:
            self.gone = True
            self.changed.notify_all()

    def begin(self, do, **args):
        """Asks, and does not wait: the number is for `end`."""
        self.count += 1
        self.wire.sendall(json.dumps(dict(args, id=self.count, do=do)).encode() + b"\n")
        return self.count

    def end(self, n, timeout=60):
        with self.changed:
            assert self.changed.wait_for(lambda: n in self.answers or self.gone, timeout) and n in self.answers, "the guest does not answer: " + self.console
            answer = self.answers.pop(n)
        if "error" in answer:
            raise Refused(answer["error"])
        return answer["value"]

    def do(self, do, timeout=60, **args):
        return self.end(self.begin(do, **args), timeout)

    def event(self, kind, timeout=15, **match):
        """The first event of this kind whose fields are so; it is taken away."""
        def look():
            return next((e for e in self.events if e["event"] == kind and all(e.get(k) == v for k, v in match.items())), None)
        with self.changed:
            assert self.changed.wait_for(lambda: look() or self.gone, timeout) and look(), "no %s %r in %r" % (kind, match, self.events[-20:])
            found = look()
            self.events.remove(found)
        return found

    def forget(self):
        with self.changed:
            self.events.clear()

    def sh(self, command, timeout=60):
        code, text = self.do("sh", command=command, limit=timeout, timeout=timeout + 10)
        assert code == 0, "%s: %s" % (command, text)
        return text


class Refused(Exception):
    """What the guest's BlueZ or Linux said no to."""
