/* machine.virtualised, hypervisor, container: by CPUID and the firmware's names, never by guesses from timing. */
#include <stdio.h>
#include <string.h>
#if defined(__x86_64__)
#include <cpuid.h>
#endif

#include "telemetry/inventory.h"

/* CPUID leaf 1, ECX bit 31 is reserved for "a hypervisor is present"; leaf 0x40000000 holds its signature.
 * 1 with name, 0 for none, -1 when this CPU has no CPUID. */
static int cpuid_hypervisor(char name[16])
{
#if defined(__x86_64__)
	unsigned a, b, c, d;
	if (!__get_cpuid(1, &a, &b, &c, &d))
		return -1;
	if (!(c & (1u << 31)))
		return 0;
	__cpuid(0x40000000u, a, b, c, d);
	memcpy(name, &b, 4);
	memcpy(name + 4, &c, 4);
	memcpy(name + 8, &d, 4);
	name[12] = 0;
	return 1;
#else
	name[0] = 0;
	return -1;
#endif
}

static const char *known_name(const char *signature)
{
	static const char *const row[][2] = {
		{ "KVMKVMKVM", "KVM" }, { "Microsoft Hv", "Hyper-V" }, { "VMwareVMware", "VMware" }, { "XenVMMXenVMM", "Xen" },
		{ "TCGTCGTCGTCG", "QEMU (emulated)" }, { "VBoxVBoxVBox", "VirtualBox" }, { "ACRNACRNACRN", "ACRN" },
	};
	for (size_t i = 0; i < sizeof row / sizeof *row; i++)
		if (!strcmp(signature, row[i][0]))
			return row[i][1];
	return signature;
}

static const char *dmi_hypervisor(const char *text)
{
	static const char *const row[] = { "KVM", "QEMU", "VMware", "VirtualBox", "Xen", "Amazon EC2", "Google Compute Engine", "Virtual Machine", "Bochs", "OpenStack" };
	for (size_t i = 0; i < sizeof row / sizeof *row; i++)
		if (strstr(text, row[i]))
			return row[i];
	return NULL;
}

static void put_container(json_t *m, const char *root)
{
	char text[4096];
	if (assay_inv_read(root, "/.dockerenv", text, sizeof text) >= 0)
		json_object_set_new(m, "container", json_string("docker"));
	else if (assay_inv_read(root, "/run/.containerenv", text, sizeof text) >= 0)
		json_object_set_new(m, "container", json_string("podman"));
	else if (assay_inv_read(root, "/proc/1/cgroup", text, sizeof text) >= 0 && (strstr(text, "kubepods") || strstr(text, "/docker") || strstr(text, "/lxc")))
		json_object_set_new(m, "container", json_string(strstr(text, "kubepods") ? "kubernetes" : strstr(text, "/docker") ? "docker" : "lxc"));
	else
		assay_inv_null(m, "container", "no mark of a container found");
}

void assay_inventory_platform(json_t *m, const char *root)
{
	char signature[16] = "", product[300];
	int by_cpu = cpuid_hypervisor(signature);
	bool has_product = assay_inv_read(root, "/sys/class/dmi/id/product_name", product, sizeof product) >= 0;
	const char *by_dmi = has_product ? dmi_hypervisor(product) : NULL;
	const char *name = by_cpu == 1 ? known_name(signature) : by_dmi;
	if (by_cpu < 0 && !has_product)
		assay_inv_null(m, "virtualised", "neither CPUID nor DMI tells");
	else
		json_object_set_new(m, "virtualised", json_boolean(by_cpu == 1 || by_dmi));
	assay_inv_text(m, "hypervisor", name, by_cpu == 1 ? "it gives no name" : "none seen");
	assay_inv_text(m, "product", has_product ? product : NULL, has_product ? "empty" : product);
	put_container(m, root);
}
