//! The GPUs of this machine.

use std::fmt;

use wgpu::{Backends, DeviceType, InstanceFlags};

/// The GPUs of this machine, as its drivers name them.
///
/// Made once for a process: opening the drivers takes a tenth of a second. The default: none.
#[derive(Default)]
pub struct Devices {
    adapters: Vec<Adapter>,
}

/// Which devices to look for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Wanted {
    /// Hardware.
    Gpus,
    /// Hardware, and drivers that compute on the processor.
    GpusAndSoftware,
    /// One device that does nothing: whatever is submitted to it ends at once
    /// and leaves its buffers as they were. For tests of everything else.
    Nothing,
}

impl Wanted {
    /// GPUs, and software too if so.
    pub fn with_software(software: bool) -> Wanted {
        if software { Wanted::GpusAndSoftware } else { Wanted::Gpus }
    }
}

/// One GPU.
#[derive(Clone)]
pub struct Adapter {
    wgpu: wgpu::Adapter,
    about: About,
}

/// What is known of a GPU.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct About {
    /// Its name, such as `NVIDIA H100 PCIe`.
    pub name: String,
    /// What kind it is.
    pub kind: Kind,
    /// The interface it is driven through, such as `vulkan`.
    pub backend: &'static str,
    /// The driver and its version.
    pub driver: String,
    /// Its place on the bus, such as `0000:01:00.0`, if it has one.
    pub bus: Option<String>,
    /// Its memory in bytes: of a GPU that shares the processor's, or is a
    /// program, what its driver lets it use of that.
    pub memory_bytes: u64,
}

/// Kinds of GPUs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// With memory of its own.
    Discrete,
    /// Sharing the processor's memory.
    Integrated,
    /// One that a hypervisor lends.
    Virtual,
    /// A program that computes on the processor.
    Software,
    /// The driver does not say.
    Unknown,
}

impl Devices {
    /// Asks the machine's drivers. None is not an error: a machine without a
    /// GPU, or without the Vulkan loader, has none.
    pub async fn find(wanted: Wanted) -> Devices {
        let backends = match wanted {
            Wanted::Gpus | Wanted::GpusAndSoftware => Backends::VULKAN,
            Wanted::Nothing => Backends::NOOP,
        };
        let mut descriptor = wgpu::InstanceDescriptor::new_without_display_handle();
        descriptor.backends = backends;
        // The validation of indirect dispatches is a guard against the guest.
        // The drivers' own layers are for debugging wgpu, and are slow.
        descriptor.flags = InstanceFlags::VALIDATION_INDIRECT_CALL
            | InstanceFlags::AUTOMATIC_TIMESTAMP_NORMALIZATION;
        descriptor.backend_options.noop.enable = wanted == Wanted::Nothing;
        let found = wgpu::Instance::new(descriptor).enumerate_adapters(backends).await;
        let adapters = found.into_iter().map(Adapter::new);
        let adapters = adapters
            .filter(|adapter| wanted != Wanted::Gpus || adapter.about.kind != Kind::Software)
            .collect();
        Devices { adapters }
    }

    /// All of them, in the order of the drivers.
    pub fn all(&self) -> &[Adapter] {
        &self.adapters
    }
}

impl Adapter {
    fn new(wgpu: wgpu::Adapter) -> Adapter {
        let info = wgpu.get_info();
        let about = About {
            kind: Kind::from(info.device_type),
            backend: info.backend.to_str(),
            driver: format!("{} {}", info.driver, info.driver_info).trim().to_owned(),
            bus: Some(info.device_pci_bus_id).filter(|bus| !bus.is_empty()),
            memory_bytes: memory::bytes(&wgpu).unwrap_or_else(|| wgpu.limits().max_buffer_size),
            name: info.name,
        };
        Adapter { wgpu, about }
    }

    /// What is known of it.
    pub fn about(&self) -> &About {
        &self.about
    }

    pub(crate) fn wgpu(&self) -> &wgpu::Adapter {
        &self.wgpu
    }
}

/// wgpu does not tell how much memory a GPU has; its driver does.
#[allow(unsafe_code, reason = "Vulkan's own functions are unsafe to call")]
mod memory {
    use wgpu::hal::api::Vulkan;

    /// Vulkan's VK_MEMORY_HEAP_DEVICE_LOCAL_BIT.
    const DEVICE_LOCAL: u32 = 1;

    /// The sum of the heaps that are the device's own; none if it is not
    /// driven by Vulkan.
    pub(super) fn bytes(adapter: &wgpu::Adapter) -> Option<u64> {
        // SAFETY: the adapter is only looked at, and lives as long as the
        // guard.
        let adapter = unsafe { adapter.as_hal::<Vulkan>() }?;
        let instance = adapter.shared_instance().raw_instance();
        // SAFETY: the physical device is of this instance, which the adapter
        // keeps alive.
        let memory = unsafe {
            instance.get_physical_device_memory_properties(adapter.raw_physical_device())
        };
        let heaps = memory.memory_heaps_as_slice().iter();
        let own = heaps.filter(|heap| heap.flags.as_raw() & DEVICE_LOCAL != 0);
        Some(own.map(|heap| heap.size).sum()).filter(|bytes| *bytes > 0)
    }
}

impl fmt::Debug for Adapter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.about.fmt(f)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Kind::Discrete => "discrete",
            Kind::Integrated => "integrated",
            Kind::Virtual => "virtual",
            Kind::Software => "software",
            Kind::Unknown => "unknown",
        })
    }
}

impl From<DeviceType> for Kind {
    fn from(kind: DeviceType) -> Kind {
        match kind {
            DeviceType::DiscreteGpu => Kind::Discrete,
            DeviceType::IntegratedGpu => Kind::Integrated,
            DeviceType::VirtualGpu => Kind::Virtual,
            DeviceType::Cpu => Kind::Software,
            DeviceType::Other => Kind::Unknown,
        }
    }
}
