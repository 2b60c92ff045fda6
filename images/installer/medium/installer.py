"""bootgate's stand-in for Anaconda: it finds and reads a kickstart as Anaconda does, by the real pykickstart, installs by the
image's own `bootc install to-filesystem`, and says the same words. It knows the few commands that bootgate's kickstarts have."""
import json
import os
import shlex
import subprocess
import sys
import time
import traceback

sys.path[:0] = ["/.bootgate", "/.bootgate/python"]

import storage  # noqa: E402
from talk import Failed, NotSaved, NotValid, PreScriptFailed, log, run, say  # noqa: E402

TARGET = storage.TARGET


def boot_options() -> dict[str, str]:
    with open("/proc/cmdline", encoding="utf-8") as stream:
        words = stream.read().split()
    return dict(word.partition("=")[::2] for word in words)


def device_of(name: str) -> str | None:
    """`LABEL=…`, `UUID=…` or a device's name, as `inst.ks=hd:` has it."""
    if "=" in name:
        probe = ["blkid", "-c", "/dev/null", "-o", "device", "-t", name]
        found = subprocess.run(probe, capture_output=True, text=True, check=False)
        return found.stdout.split("\n", 1)[0].strip() or None
    path = name if name.startswith("/dev/") else f"/dev/{name}"
    return path if os.path.exists(path) else None


def read_from(device: str, path: str) -> str | None:
    point = "/run/install/kickstart"
    os.makedirs(point, exist_ok=True)
    if subprocess.run(["mount", "-o", "ro", device, point], check=False).returncode != 0:
        return None
    try:
        with open(os.path.join(point, path.lstrip("/")), encoding="utf-8") as stream:
            return stream.read()
    except FileNotFoundError:
        return None
    finally:
        subprocess.run(["umount", point], check=True)


def find_kickstart() -> str | None:
    """`inst.ks=` first; a volume named OEMDRV only where that is not given (Anaconda's boot options)."""
    options = boot_options()
    where = options.get("inst.ks", options.get("ks"))
    if where is None:
        device = device_of("LABEL=OEMDRV")
        return None if device is None else read_from(device, "/ks.cfg")
    kind, _, rest = where.partition(":")
    if kind == "hd":
        name, _, path = rest.partition(":")
        device = device_of(name.encode().decode("unicode_escape"))
        return None if device is None else read_from(device, path or "/ks.cfg")
    if kind == "cdrom":
        path = os.path.join("/run/install/repo", (rest or "/ks.cfg").lstrip("/"))
    elif kind == "file":
        path = rest
    else:
        done = subprocess.run(["curl", "-fsS", "--max-time", "60", where], capture_output=True, text=True, check=False)
        return done.stdout if done.returncode == 0 else None
    if not os.path.exists(path):
        return None
    with open(path, encoding="utf-8") as stream:
        return stream.read()


def read_kickstart(text: str):
    from pykickstart.errors import KickstartError
    from pykickstart.parser import KickstartParser
    from pykickstart.version import makeVersion

    handler = makeVersion("F45")
    try:
        KickstartParser(handler).readKickstartFromString(text)
    except KickstartError as error:
        say(f"\nAn error occurred during reading the kickstart file:\n{str(error).strip()}\n\nThe installer will now terminate.")
        time.sleep(10)
        sys.exit(1)
    return handler


def require_signature(source: str) -> None:
    """What `ostreecontainer` asks for unless it is told not to: the policy of containers/image, judged by skopeo itself."""
    with open("/etc/containers/policy.json", encoding="utf-8") as stream:
        default = json.load(stream)["default"]
    if any(rule["type"] == "insecureAcceptAnything" for rule in default):
        raise Failed("containers-policy.json specifies a default of `insecureAcceptAnything`; refusing usage")
    sys.path.insert(0, "/usr/lib/bootgate-standin")
    from bootgate_standin.errors import BootcError
    from bootgate_standin.imgref import parse_skopeo
    from bootgate_standin.proxy import ImageProxy

    try:
        with ImageProxy() as proxy:
            proxy.open_image(parse_skopeo(source).skopeo())
    except BootcError as error:
        raise Failed(f"Deployment failed: error: Fetching manifest: {error}") from error


def deploy(handler, made: storage.Made) -> None:
    """Both commands end in bootc here; real Anaconda has ostree deploy for `ostreecontainer`."""
    words = [*made.kargs, *shlex.split(handler.bootloader.appendLine or "")]
    kargs = [word for karg in words for word in ("--karg", karg)]
    if handler.bootc.seen:
        source, target, transport = handler.bootc.sourceImgRef, handler.bootc.targetImgRef, "registry"
        begin, end = f"Bootc deployment in progress: {source}", f"Bootc deployment complete: {source}"
    elif handler.ostreecontainer.seen:
        transport = handler.ostreecontainer.transport or "registry"
        source = f"{transport}:{handler.ostreecontainer.url}"
        target = handler.ostreecontainer.url
        begin, end = f"Deployment starting: {source}", f"Deployment complete: {source}"
    else:
        raise Failed("Kickstart is missing required information: neither ostreecontainer nor bootc.")
    say(begin)
    if handler.ostreecontainer.seen and not handler.ostreecontainer.noSignatureVerification:
        require_signature(source)
    command = ["bootc", "install", "to-filesystem", "--source-imgref", source, "--target-imgref", target]
    command += ["--target-transport", transport, *kargs, TARGET]
    lines = []
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as child:
        for line in child.stdout:
            lines.append(line.rstrip())
            print(line.rstrip(), flush=True)
            if "Installing bootloader" in line:
                say("Installing boot loader")
    if child.returncode != 0:
        raise Failed("\n".join(["bootc installation failed, see the logs below:", *lines, f"Original command: {shlex.join(command)}"]))
    say(end)


def run_scripts(handler, kind: int) -> None:
    """Scripts of the kickstart. Those of %post run in the new deployment, as Anaconda's do, with the disk's root at /sysroot there."""
    from pykickstart.constants import KS_SCRIPT_POST

    for script in [script for script in handler.scripts if script.type == kind]:
        root = enter_deployment() if script.inChroot and kind == KS_SCRIPT_POST else "/"
        path = os.path.join(root, "tmp/ks-script")
        with open(path, "w", encoding="utf-8") as stream:
            stream.write(script.script)
        inside = [*(["chroot", root] if root != "/" else []), *shlex.split(script.interp), "/tmp/ks-script"]
        done = subprocess.run(inside, capture_output=True, text=True, check=False)
        for line in (done.stdout + done.stderr).splitlines():
            print(line, flush=True)
        if done.returncode != 0:
            log(f"Error code {done.returncode} running the kickstart script at line {script.lineno}")
            if script.errorOnFail and kind == KS_SCRIPT_POST:
                raise Failed(f"{script.lineno}\n\n{(done.stdout + done.stderr).strip()}")
            if script.errorOnFail:
                raise PreScriptFailed(
                    f"There was an error running the kickstart script at line {script.lineno}.  This is a fatal error and "
                    f"installation will be aborted.  The details of this error are:\n\n{done.stdout}{done.stderr}"
                )


def deployment() -> str:
    """The folder of the one deployment."""
    base = os.path.join(TARGET, "ostree/deploy")
    (stateroot,) = os.listdir(base)
    folder = os.path.join(base, stateroot, "deploy")
    (name,) = [one for one in os.listdir(folder) if not one.endswith(".origin")]
    return os.path.join(folder, name)


def write_crypttab(made: storage.Made) -> None:
    """As Anaconda does in the installed system's own /etc; its initramfs knows the device by the kernel argument alone."""
    if not made.crypttab:
        return
    run("mount", "-o", "remount,rw", TARGET)
    with open(os.path.join(deployment(), "etc/crypttab"), "w", encoding="utf-8") as stream:
        stream.writelines(made.crypttab)


def enter_deployment() -> str:
    """The root that scripts see. `/sysroot` in it is the disk, and can be written to."""
    root, point = deployment(), "/mnt/sysroot"
    if os.path.ismount(point):
        return point
    run("mount", "-o", "remount,rw", TARGET)
    os.makedirs(point, exist_ok=True)
    run("mount", "--bind", root, point)
    run("mount", "--bind", TARGET, f"{point}/sysroot")
    run("mount", "-t", "tmpfs", "tmpfs", f"{point}/tmp")
    for path in ("dev", "proc", "sys", "run"):
        run("mount", "--rbind", f"/{path}", f"{point}/{path}")
    return point


def install() -> None:
    say("anaconda 0-bootgate-stand-in for the reference OS started.")
    text = find_kickstart()
    if text is None:
        raise Failed("Kickstart is missing required information: none was found.")
    handler = read_kickstart(text)
    from pykickstart.constants import KS_SCRIPT_POST, KS_SCRIPT_PRE

    run_scripts(handler, KS_SCRIPT_PRE)
    say("Starting automated install")
    say("Saving storage configuration...")
    made = storage.make(storage.plan(handler))
    deploy(handler, made)
    write_crypttab(made)
    say("Performing post-installation setup tasks")
    say("Configuring installed system")
    say("Storing configuration files and kickstarts")
    say("Running post-installation scripts")
    run_scripts(handler, KS_SCRIPT_POST)
    subprocess.run(["umount", "-R", "-l", "/mnt/sysroot"], check=False, stderr=subprocess.DEVNULL)
    storage.close(made)
    # A product without a licence says no more than this; "Installation complete" is of those that have one.
    log("anaconda: ui.tui.spokes.installation_progress: The installation has finished.")


def stop_for(error: Failed) -> str:
    """Tells what Anaconda does before it stops, and returns the words that it stops with."""
    reason = str(error).rstrip(".")
    if not isinstance(error, (NotSaved, NotValid)):
        log("anaconda: ui.tui.spokes.installation_progress: The installation has finished.")
        return f"Non interactive installation failed: {reason}"
    if isinstance(error, NotSaved):
        log(f"anaconda: modules.storage.partitioning.base_partitioning: Storage configuration has failed: {reason}.")
        say("Failed to save storage configuration")
    else:
        say("Checking storage configuration...")
        log(f"anaconda: modules.storage.partitioning.validate: Found sanity error: {reason}.")
    print(f"{reason}.\nInstallation Destination (Kickstart insufficient)", flush=True)
    spokes = "The following mandatory spokes are not completed:\nInstallation Destination"
    log(f"anaconda: ui.tui.hubs.summary: CmdlineError: {spokes}")
    return spokes


def main() -> int:
    try:
        install()
    except PreScriptFailed as error:
        print(error, flush=True)
        time.sleep(20)
        return 1
    except Failed as error:
        words = stop_for(error)
        print(
            "\nThe installation was stopped due to an error which occurred while running in non-interactive cmdline mode. "
            "Since there cannot be any questions in cmdline mode, edit your kickstart file and retry installation. \n"
            f"The exact error message is: \n\n{words}. \n\nThe installer will now terminate.",
            flush=True,
        )
        time.sleep(20)
        return 1
    except Exception:  # pylint: disable=broad-except
        say(f"An unknown error has occured, look at the /tmp/anaconda-tb* file(s) for more details\n{traceback.format_exc()}")
        time.sleep(20)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
