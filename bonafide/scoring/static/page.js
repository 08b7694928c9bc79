// Sends a recording to /score and shows the answer. Everything that comes back is put into the page
// as text or as an image, never as markup.
const at = (id) => document.getElementById(id);
let recording = null; // what is scored: a Blob
let asked = 0; // answers to older questions are dropped
let urls = [];

function say(text, isError = false) {
  at("status").textContent = text;
  at("status").classList.toggle("error", isError);
}

function urlOf(blob) {
  const url = URL.createObjectURL(blob);
  urls.push(url);
  return url;
}

async function take(blob) {
  recording = blob;
  urls.forEach(URL.revokeObjectURL);
  urls = [];
  at("player").src = urlOf(blob);
  await score();
}

async function score() {
  if (!recording) return;
  const number = ++asked;
  say("Scoring …");
  const query = new URLSearchParams({
    threshold: at("threshold").value,
    prior: Number(at("prior").value) / 100,
    cost_ratio: at("cost").value,
    // What axis and labels leave of the page.
    width: Math.round(document.querySelector("main").clientWidth - 110),
  });
  let answer;
  try {
    const reply = await fetch(`score?${query}`, { method: "POST", body: recording });
    answer = await reply.json();
  } catch {
    answer = { error: "score.py does not answer: does it still run?" };
  }
  if (number !== asked) return;
  at("result").hidden = "error" in answer;
  if ("error" in answer) {
    say(`This cannot be scored: ${answer.error}`, true);
    return;
  }
  say("");
  show(answer);
}

function show(answer) {
  const spoof = answer.decision === "spoof";
  at("decision").textContent = answer.decision;
  at("decision").classList.toggle("spoof", spoof);
  const per = (100 * answer.probability).toFixed(1);
  at("numbers").textContent = `score ${answer.score.toFixed(2)}, probability of bona fide ${per} %`;
  const parts = answer.segments > 1 ? `, ${answer.segments} segments, the lowest ` +
    answer.lowest.toFixed(2) : "";
  at("rule").textContent = `${answer.threshold}; ${answer.seconds.toFixed(2)} s${parts}`;
  at("picture").src = urlOf(new Blob([answer.svg], { type: "image/svg+xml" }));
  at("picture").alt = `Score over time above the spectrogram: ${answer.decision}`;
  at("explanation").replaceChildren(...answer.explanation.split("\n\n").map((text) => {
    const paragraph = document.createElement("p");
    paragraph.textContent = text;
    return paragraph;
  }));
}

// 16-bit WAV of what a browser recorded: the server reads no WebM.
async function toWav(blob) {
  const context = new AudioContext();
  try {
    const audio = await context.decodeAudioData(await blob.arrayBuffer());
    const samples = audio.getChannelData(0);
    const view = new DataView(new ArrayBuffer(44 + 2 * samples.length));
    const text = (offset, value) =>
      [...value].forEach((letter, i) => view.setUint8(offset + i, letter.charCodeAt(0)));
    text(0, "RIFF");
    view.setUint32(4, 36 + 2 * samples.length, true);
    text(8, "WAVEfmt ");
    view.setUint32(16, 16, true);
    view.setUint16(20, 1, true); // PCM
    view.setUint16(22, 1, true); // one channel
    view.setUint32(24, audio.sampleRate, true);
    view.setUint32(28, 2 * audio.sampleRate, true);
    view.setUint16(32, 2, true);
    view.setUint16(34, 16, true);
    text(36, "data");
    view.setUint32(40, 2 * samples.length, true);
    samples.forEach((sample, i) => {
      const clipped = Math.max(-32768, Math.min(32767, Math.round(32768 * sample)));
      view.setInt16(44 + 2 * i, clipped, true);
    });
    return new Blob([view], { type: "audio/wav" });
  } finally {
    await context.close();
  }
}

let recorder = null;

async function toggleRecording() {
  if (recorder) {
    recorder.stop();
    return;
  }
  let stream;
  try {
    // What a call sounds like, not what a browser makes of it.
    stream = await navigator.mediaDevices.getUserMedia({
      audio: { echoCancellation: false, noiseSuppression: false, autoGainControl: false },
    });
  } catch (error) {
    say(`The microphone cannot be used: ${error.message}`, true);
    return;
  }
  const parts = [];
  recorder = new MediaRecorder(stream);
  recorder.ondataavailable = (event) => parts.push(event.data);
  recorder.onstop = async () => {
    stream.getTracks().forEach((track) => track.stop());
    const type = recorder.mimeType;
    recorder = null;
    at("record").textContent = "Record";
    at("record").setAttribute("aria-pressed", "false");
    try {
      await take(await toWav(new Blob(parts, { type })));
    } catch (error) {
      say(`The recording cannot be used: ${error.message}`, true);
    }
  };
  recorder.start();
  at("record").textContent = "Stop";
  at("record").setAttribute("aria-pressed", "true");
  say("Recording …");
}

at("file").addEventListener("change", () => at("file").files[0] && take(at("file").files[0]));
at("record").addEventListener("click", toggleRecording);
at("how").addEventListener("change", score);
at("how").addEventListener("submit", (event) => event.preventDefault());
for (const name of ["dragover", "dragleave", "drop"]) {
  at("drop").addEventListener(name, (event) => {
    event.preventDefault();
    at("drop").classList.toggle("over", name === "dragover");
    if (name === "drop" && event.dataTransfer.files[0]) take(event.dataTransfer.files[0]);
  });
}

const about = await (await fetch("about")).json();
const names = { bayes: "least cost", eer: "equal error rates on dev", far1: "1 % false acceptance on dev" };
at("threshold").replaceChildren(...about.thresholds.map((name) => {
  const option = document.createElement("option");
  option.value = name;
  option.textContent = names[name] ?? name;
  return option;
}));
at("model").textContent = about.model;
at("card").textContent = about.card || "This model came without a card.";
at("limits").textContent =
  `up to ${about.max_seconds / 60} minutes and ${Math.round(about.max_bytes / 2 ** 20)} MiB`;
document.body.dataset.ready = "yes";
