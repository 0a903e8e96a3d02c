fetch(process.env.ORIGIN).then(console.log)
