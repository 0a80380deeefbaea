"""Uses a cluster as PyPI's kubernetes package does; prints what it did, and exits with 1 where the cluster is none.

Arguments: a namespace, and an image with a shell.
"""

import faulthandler
import sys
import time

from kubernetes import client, config, watch
from kubernetes.client.exceptions import ApiException
from kubernetes.stream import stream

NAMESPACE, IMAGE = sys.argv[1:]
NAME = "client-that-is-not-ours"


def pod(name=NAME, **security):
    context = {"allow_privilege_escalation": False, "run_as_non_root": True, **security}
    return client.V1Pod(
        metadata=client.V1ObjectMeta(name=name, labels={"app": NAME}),
        spec=client.V1PodSpec(
            restart_policy="Never", automount_service_account_token=False, termination_grace_period_seconds=0,
            security_context=client.V1PodSecurityContext(
                run_as_user=1000, seccomp_profile=client.V1SeccompProfile(type="RuntimeDefault")),
            containers=[client.V1Container(
                name="main", image=IMAGE, command=["/bin/sh", "-c", "echo started; exec sleep 100000"],
                security_context=client.V1SecurityContext(
                    capabilities=client.V1Capabilities(drop=["ALL"]), **context))]))


def expect(truth, what):
    if not truth:
        raise AssertionError(what)
    print(f"ok: {what}", flush=True)


def refused(status, call, *arguments, **named):
    try:
        call(*arguments, **named)
    except ApiException as error:
        return error.status == status and bool(error.reason)
    return False


def watch_until(api, end, **options):
    """The events of the pods up to the one that `end` says is the last."""
    events = []
    for event in watch.Watch().stream(
            api.list_namespaced_pod, NAMESPACE, label_selector=f"app={NAME}", timeout_seconds=120, **options):
        events.append((event["type"], event["object"]))
        if end(*events[-1]):
            return events
    raise AssertionError("the watch ended before")


def is_ready(kind, found):
    return any(one.type == "Ready" and one.status == "True" for one in found.status.conditions or [])


def execute(api, *command, **options):
    return stream(
        api.connect_get_namespaced_pod_exec, NAME, NAMESPACE, container="main", command=list(command), stdout=True,
        stderr=True, stdin=options.pop("stdin", False), tty=False, **options)


def commands(api):
    expect(execute(api, "/bin/echo", "a b") == "a b\n", "a command's output is given")
    session = execute(
        api, "/bin/sh", "-c", "read -r line; echo \"<$line>\"; echo no >&2; exit 3", stdin=True, _preload_content=False)
    session.write_stdin("a line\n")
    session.run_forever(timeout=60)
    expect(session.read_stdout() == "<a line>\n", "a command reads what is written")
    expect(session.read_stderr() == "no\n", "standard error is apart")
    expect(session.returncode == 3, "the exit code is given")
    session = execute(
        api, "/bin/sh", "-c", "printf '\\000\\377\\200'; head -c 1000000 /dev/zero", binary=True, _preload_content=False)
    session.run_forever(timeout=60)
    expect(session.read_stdout() == b"\0\xff\x80" + bytes(1000000), "bytes that are no text come as they are")
    expect(session.returncode == 0, "success is told")


def main():
    # Rather than waiting for ever, it says where it waits.
    faulthandler.dump_traceback_later(120, exit=True)
    config.load_kube_config()
    api = client.CoreV1Api()
    version = api.list_namespaced_pod(NAMESPACE, label_selector=f"app={NAME}").metadata.resource_version
    expect(refused(403, api.create_namespaced_pod, NAMESPACE, pod(allow_privilege_escalation=True)),
           "a pod that breaks the restricted standard is refused")
    made = api.create_namespaced_pod(NAMESPACE, pod())
    try:
        expect(made.metadata.uid and made.metadata.name == NAME, "a pod is made")
        expect(refused(409, api.create_namespaced_pod, NAMESPACE, pod()), "a second one of its name is not")
        events = watch_until(api, is_ready, resource_version=version)
        expect(events[0][0] == "ADDED", "a watch tells of the pod from its beginning on")
        expect([one.metadata.name for one in api.list_namespaced_pod(NAMESPACE, label_selector=f"app={NAME}").items]
               == [NAME], "it is listed")
        expect(api.read_namespaced_pod(NAME, NAMESPACE).metadata.uid == made.metadata.uid, "it is read")
        for _ in range(100):
            log = api.read_namespaced_pod_log(NAME, NAMESPACE)
            if log:
                break
            time.sleep(0.05)
        expect(log == "started\n", "its log is what it wrote")
        commands(api)
        changed = api.patch_namespaced_pod(NAME, NAMESPACE, {"metadata": {"labels": {"more": "yes"}}})
        expect(changed.metadata.labels == {"app": NAME, "more": "yes"}, "it is changed")
        stale = {"metadata": {"resourceVersion": made.metadata.resource_version, "labels": {"more": "no"}}}
        expect(refused(409, api.patch_namespaced_pod, NAME, NAMESPACE, stale), "a change of an older version is not made")
        wrong = client.V1DeleteOptions(preconditions=client.V1Preconditions(uid="another"))
        expect(refused(409, api.delete_namespaced_pod, NAME, NAMESPACE, body=wrong), "another pod is not deleted")
        version = changed.metadata.resource_version
    finally:
        api.delete_namespaced_pod(NAME, NAMESPACE)
    watch_until(api, lambda kind, found: kind == "DELETED", resource_version=version)
    expect(refused(404, api.read_namespaced_pod, NAME, NAMESPACE), "it is deleted, and the watch told so")
    access = client.AuthorizationV1Api().create_self_subject_access_review(client.V1SelfSubjectAccessReview(
        spec=client.V1SelfSubjectAccessReviewSpec(resource_attributes=client.V1ResourceAttributes(
            namespace=NAMESPACE, verb="create", resource="pods"))))
    expect(access.status.allowed is True, "rights are told")


if __name__ == "__main__":
    main()
