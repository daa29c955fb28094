// Browsers refuse workers to pages that come from the disk. There a hidden frame runs a worker's script, and messages
// go to it and from it, so that the search works. The theme looks for a class of this name.
class IFrameWorker extends EventTarget {
  constructor(url) {
    super()
    this.frame = document.createElement("iframe")
    this.frame.hidden = true
    this.ready = new Promise((resolve) => {
      this.frame.addEventListener("load", () => resolve(this.start(url)), { once: true })
    })
    document.body.append(this.frame)
  }

  start(url) {
    const inside = this.frame.contentWindow
    const load = (source) =>
      new Promise((resolve, reject) => {
        const script = inside.document.createElement("script")
        script.addEventListener("load", resolve)
        script.addEventListener("error", reject)
        script.src = source
        inside.document.head.append(script)
      })
    inside.postMessage = (data) => this.dispatchEvent(new MessageEvent("message", { data }))
    inside.importScripts = async (...sources) => {
      for (const source of sources) await load(source)
    }
    return load(url)
  }

  async postMessage(data) {
    await this.ready
    const inside = this.frame.contentWindow
    inside.dispatchEvent(new inside.MessageEvent("message", { data }))
  }

  terminate() {
    this.frame.remove()
  }
}

if (location.protocol === "file:") {
  window.IFrameWorker = IFrameWorker
  window.Worker = IFrameWorker
}
