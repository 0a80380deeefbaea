"""Checks the manifests in k8s/ and the Dockerfiles; prints a line for each fault and exits with 1 if there is any.

The schemas of Kubernetes come from PyPI's kubernetes-validate, those of agent-sandbox from crds/. Beyond them it is checked
what no schema says: that names which refer to something mean something that is there, that pods keep the restricted
pod-security standard, and that each variable that a container of ours gets is one that it reads.
"""

import copy
import pathlib
import re
import subprocess
import sys

import jsonschema
import kubernetes_validate
import yaml

HERE = pathlib.Path(__file__).parent
ROOT = HERE.parent.parent
KUBERNETES = ["1.34", "1.36"]
# Names that a manifest gives to values for use in the same container, as $(NAME).
LOCAL_VARIABLES = {"MODEL"}


def documents():
    """Each object of k8s/, with the file that it is in."""
    for path in sorted((ROOT / "k8s").glob("*.yaml")):
        if path.name != "kustomization.yaml":
            for document in yaml.safe_load_all(path.read_text()):
                yield path.name, document


def strict(schema):
    """A structural schema that refuses the members it does not name, as the API server warns of them."""
    if isinstance(schema, list):
        return [strict(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    result = {key: strict(part) for key, part in schema.items()}
    known = isinstance(schema.get("properties"), dict)
    if known and not schema.get("x-kubernetes-preserve-unknown-fields") and "additionalProperties" not in schema:
        result["additionalProperties"] = False
    return result


def custom_schemas():
    """The schemas of agent-sandbox by apiVersion and kind."""
    schemas = {}
    for path in (HERE / "crds").glob("*.yaml"):
        spec = yaml.safe_load(path.read_text())["spec"]
        for version in spec["versions"]:
            name = f"{spec['group']}/{version['name']}", spec["names"]["kind"]
            schemas[name] = strict(version["schema"]["openAPIV3Schema"])
    return schemas


def pod_template(document):
    return document.get("spec", {}).get("template" if document["kind"] == "Deployment" else "podTemplate")


def schema_faults(document, schemas):
    key = document["apiVersion"], document["kind"]
    if key in schemas:
        for error in jsonschema.Draft202012Validator(schemas[key]).iter_errors(document):
            yield f"{error.json_path}: {error.message}"
        template = pod_template(document)
        if template:
            pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "pod"}, "spec": template["spec"]}
            yield from schema_faults(pod, schemas)
        return
    for version in KUBERNETES:
        try:
            kubernetes_validate.validate(copy.deepcopy(document), version, strict=True)
        except Exception as error:  # The package raises errors of several kinds; each is a fault.
            path = ".".join(str(part) for part in getattr(error, "path", []))
            yield f"Kubernetes {version}: {path}: {getattr(error, 'message', error)}"


def containers(template):
    return template["spec"].get("initContainers", []) + template["spec"]["containers"]


def security_faults(template):
    """What of the restricted pod-security standard, and of the project's own rules, a pod breaks."""
    spec = template["spec"]
    common = spec.get("securityContext", {})
    if any(spec.get(name) for name in ("hostNetwork", "hostPID", "hostIPC")):
        yield "uses a namespace of the host"
    for volume in spec.get("volumes", []):
        if not {"emptyDir", "persistentVolumeClaim", "configMap", "secret"} & set(volume):
            yield f"volume {volume['name']} is of a kind that the standard forbids"
    if "automountServiceAccountToken" not in spec:
        yield "does not say whether it gets a service-account token"
    for container in containers(template):
        name, own = container["name"], container.get("securityContext", {})
        setting = {**common, **own}
        if own.get("allowPrivilegeEscalation") is not False:
            yield f"{name} allows privilege escalation"
        if own.get("capabilities") != {"drop": ["ALL"]}:
            yield f"{name} does not drop all capabilities"
        if setting.get("runAsNonRoot") is not True or not setting.get("runAsUser"):
            yield f"{name} may run as root"
        if setting.get("seccompProfile") != {"type": "RuntimeDefault"}:
            yield f"{name} has no seccomp profile"
        if not container.get("resources", {}).get("limits", {}).get("memory"):
            yield f"{name} has no memory limit"


def known_variables():
    return set(re.findall(r"^#?([A-Z][A-Z0-9_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE))


def reference_faults(document, objects):
    """Names in a pod that mean nothing: volumes, claims, keys, accounts, variables."""
    template = pod_template(document)
    spec = template["spec"]
    volumes = {volume["name"]: volume for volume in spec.get("volumes", [])}
    used = set()
    for volume in volumes.values():
        claim = volume.get("persistentVolumeClaim", {}).get("claimName")
        if claim and ("PersistentVolumeClaim", claim) not in objects:
            yield f"there is no PersistentVolumeClaim {claim}"
    account = spec.get("serviceAccountName")
    if account and ("ServiceAccount", account) not in objects:
        yield f"there is no ServiceAccount {account}"
    for container in containers(template):
        for mount in container.get("volumeMounts", []):
            used.add(mount["name"])
            if mount["name"] not in volumes:
                yield f"{container['name']} mounts {mount['name']}, which is no volume"
        # Containers with a command of their own are the tasks'; ours read their variables.
        if "command" not in container:
            names = {variable["name"] for variable in container.get("env", [])}
            for name in sorted(names - known_variables() - LOCAL_VARIABLES):
                yield f"{container['name']} gets {name}, which .env.example does not know"
        for variable in container.get("env", []):
            source = variable.get("valueFrom", {})
            for kind, reference in ("Secret", source.get("secretKeyRef")), ("ConfigMap", source.get("configMapKeyRef")):
                if reference and not has_key(kind, reference, objects):
                    yield f"{variable['name']}: no {kind} {reference['name']} with {reference['key']}"
    for name in sorted(set(volumes) - used):
        yield f"volume {name} is not mounted"
    labels = template.get("metadata", {}).get("labels", {})
    if document["kind"] == "Deployment" and document["spec"]["selector"]["matchLabels"].items() - labels.items():
        yield "the selector does not match the pods"


def has_key(kind, reference, objects):
    found = objects.get((kind, reference["name"]))
    if found is None:
        # Made by the command that deployment.yaml begins with.
        text = (ROOT / "k8s" / "deployment.yaml").read_text()
        made = re.search(rf"kubectl create {kind.lower()} generic {reference['name']}((?:.*\\\n)*.*)", text)
        return bool(made) and f"--from-literal={reference['key']}=" in made.group(1)
    return reference["key"] in {**found.get("data", {}), **found.get("stringData", {})}


def manifest_faults():
    schemas = custom_schemas()
    found = list(documents())
    objects = {(document["kind"], document["metadata"]["name"]): document for _, document in found}
    for file, document in found:
        faults = list(schema_faults(document, schemas))
        if pod_template(document):
            faults += list(security_faults(pod_template(document))) + list(reference_faults(document, objects))
        for fault in faults:
            yield f"k8s/{file}: {document['kind']} {document['metadata']['name']}: {fault}"
    kustomization = yaml.safe_load((ROOT / "k8s" / "kustomization.yaml").read_text())
    for name in kustomization["resources"]:
        if not (ROOT / "k8s" / name).is_file():
            yield f"k8s/kustomization.yaml: there is no {name}"


def dockerfile_faults():
    hadolint = pathlib.Path(sys.executable).parent / "hadolint"
    for name in "Dockerfile", "Dockerfile.worker":
        done = subprocess.run([hadolint, name], cwd=ROOT, capture_output=True, text=True, check=False)
        if done.returncode:
            yield from (done.stdout + done.stderr).splitlines() or [f"hadolint ended with {done.returncode}"]


def main():
    faults = list(manifest_faults()) + list(dockerfile_faults())
    print("\n".join(faults) or "manifests and Dockerfiles: no faults")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
